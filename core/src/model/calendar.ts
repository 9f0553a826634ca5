/** Whether a year of the proleptic Gregorian calendar has a 29 February; the year 0 has. */
export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
