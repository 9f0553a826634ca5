import type { BoundJob, Delivery } from '../store/notices.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import { deliver } from './deliver.ts';

export interface NotifierOptions {
  store: Store;
  key: TargetKey;
  /** Where relative paths of channels start. */
  folder: () => Promise<string> | string;
  env: Readonly<Record<string, string | undefined>>;
  /** `api.url` of the project, for links. */
  url: () => Promise<string | null> | string | null;
  log: { warn(fields: object, message: string): void };
  /** Told how each delivery went, by the channel's type. */
  onDelivery?: (type: string, outcome: 'delivered' | 'again' | 'failed') => void;
}

/** Runs and deliveries of one turn. */
const MOST_RUNS = 500;
const MOST_DELIVERIES = 8;
/** A sender that is not heard of for this long is taken for dead. */
const HOLD_MS = 120_000;
const TURN_MS = 2000;
const LATENESS_MS = 15_000;
/** How long it is known who was told what. */
const KEEP_MS = 90 * 86_400_000;
const PURGE_MS = 600_000;
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 1_800_000;
/** With the waits between them, about two hours. */
const MOST_ATTEMPTS = 12;

/**
 * Tells channels of failures, recoveries and lateness. Any number of daemons may do so side by side: they meet through rows of the store,
 * and each notification is told once.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  #bound: { version: number; jobs: BoundJob[] } | null = null;
  #lateAt = 0;
  #purgeAt = 0;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** One turn; answers after how many milliseconds the next one is due. Throws what the store throws. */
  async turn(signal: AbortSignal): Promise<number> {
    const { store, key } = this.#options;
    const seen = await store.notices.noticeRuns(key, MOST_RUNS);
    // The next look is early by a clock that goes back, never late.
    const now = performance.now();
    if (now >= this.#lateAt) {
      await this.lateness();
      this.#lateAt = now + LATENESS_MS;
    }
    if (now >= this.#purgeAt) {
      await store.notices.purge(key, KEEP_MS, 1000);
      this.#purgeAt = now + PURGE_MS;
    }
    const taken = await store.notices.takeDeliveries(key, MOST_DELIVERIES, HOLD_MS);
    await Promise.all(taken.map((delivery) => this.#deliver(delivery, signal)));
    return seen === MOST_RUNS || taken.length === MOST_DELIVERIES ? 0 : TURN_MS;
  }

  /** Looks for jobs that are past a bound of their `sla`. */
  async lateness(): Promise<void> {
    const { store, key } = this.#options;
    this.#bound = (await store.notices.boundJobs(key, this.#bound?.version ?? null)) ?? this.#bound;
    await store.notices.noticeLateness(key, this.#bound?.jobs ?? []);
  }

  async #deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { store, key, env, folder, url, log, onDelivery } = this.#options;
    const projectDir = await folder();
    const place = { ...key, projectDir, env, stateStore: null, storeUrl: store.url };
    const error = await deliver({ ...delivery, ...place, url: await url() }, signal);
    const again = error?.kind === 'transient' && delivery.attempts < MOST_ATTEMPTS;
    onDelivery?.(delivery.settings.type, error === null ? 'delivered' : again ? 'again' : 'failed');
    if (error === null) return store.notices.settleDelivery(delivery, 'delivered');
    const retryMs = again ? retryDelay(delivery.attempts) : null;
    log.warn({ channel: delivery.channel, job: delivery.content.job, code: error.code, again }, error.message);
    return store.notices.settleDelivery(delivery, { error, retryMs });
  }
}

/** Twice as long each time, with a little chance in it, so that many do not come back at once. */
export function retryDelay(attempts: number, random = Math.random()): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1)) * (0.9 + random * 0.2);
}
