/** How long to wait between two tries to connect, in milliseconds. */
export interface Backoff {
  /** The longest first wait. */
  first: number;
  /** The longest wait of all. */
  most: number;
}

export const DEFAULT_BACKOFF: Backoff = { first: 250, most: 30_000 };

/**
 * Exponential with full jitter: anything from nothing to a bound that doubles with each try, so that after a restart not
 * everybody comes back at once.
 */
export function wait(backoff: Backoff, tries: number, random: () => number = Math.random): number {
  const bound = Math.min(backoff.most, backoff.first * 2 ** Math.min(tries, 30));
  return Math.floor(random() * bound);
}
