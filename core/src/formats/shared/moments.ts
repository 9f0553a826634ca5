const DAY_MICROS = 86_400_000_000;
const DAY = BigInt(DAY_MICROS);

/** The engine's text of a day, counted from 1970-01-01; years before 1 have `(BC)` behind them. */
export function dayText(days: number): string {
  // Days of the proleptic Gregorian calendar, counted in eras of 400 years from March on, so that the leap day comes last.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(month)}-${two(day)}${year > 0 ? '' : ' (BC)'}`;
}

/** The text of a time of day, in microseconds from midnight. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  const minutes = Math.floor(seconds / 60);
  const shown = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return fraction === 0 ? shown : `${shown}.${String(fraction).padStart(6, '0')}`;
}

/** The engine's text of a moment, in microseconds from 1970-01-01 00:00. */
export function momentText(micros: bigint): string {
  let days = micros / DAY;
  let rest = Number(micros - days * DAY);
  if (rest < 0) {
    days -= 1n;
    rest += DAY_MICROS;
  }
  return `${dayText(Number(days))} ${timeText(rest)}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
