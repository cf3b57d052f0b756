/** The clock of the server, which leases run out by: the one here may be wrong. */

let ahead = 0

/** Learns from an answer how far the server's clock is ahead of the one here. Answers have it to the second, so less than two is nothing. */
export const learnClock = ({ headers }: Response): void => {
  const served = Date.parse(headers.get("date") ?? "")
  if (Number.isNaN(served)) return
  const difference = served + 500 - Date.now()
  ahead = Math.abs(difference) < 2000 ? 0 : difference
}

/** Milliseconds since the epoch, by the server. */
export const serverNow = (): number => Date.now() + ahead
