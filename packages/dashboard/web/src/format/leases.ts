/** What is left of a lease, for people. */

/** Whole seconds: `12 s`, `0 s`; `4 m 12 s` from 100 seconds on. */
export const secondsLeft = (millis: number): string => {
  const seconds = Math.max(0, Math.ceil(millis / 1000))
  return seconds < 100
    ? `${seconds} s`
    : `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`
}

const usual = 60_000
const low = 25 / 60

/** Whether a lease with such a share left is about to run out: 25 of 60 seconds. */
export const isLow = (share: number): boolean => share < low

/**
 * How long the leases of a worker last, from its latest renewal and its first expiry. Those of 60 seconds are not always renewed
 * together, so a little less than 60 seconds is 60.
 */
export const leaseLength = (renewedAt: number, expiresAt: number): number => {
  const length = expiresAt - renewedAt
  return length > usual * low && length < usual ? usual : Math.max(5000, length)
}
