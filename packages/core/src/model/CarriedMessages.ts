/**
 * The messages of a request together with those that it carries from earlier runs.
 *
 * Source: docs/decisions/0121-carried-messages.md
 */
import type { Carried, RequestSnapshot, SnapshotMessage } from "./RequestSnapshot.js"

/** The most runs that a request carries messages of. */
export const maxRuns = 1000

/** About how many bytes the carried messages of a request take. */
export const bytesOf = ({ runs }: Pick<Carried, "runs">): number =>
  runs.reduce((sum, { out, output, own }) => (out ? sum : sum + own + output), 0)

/** About how many bytes of JSON a value takes, without making them. */
export const sizeOf = (value: unknown): number => {
  if (typeof value === "string") return value.length + 2
  if (typeof value !== "object" || value === null) return 8
  return Array.isArray(value)
    ? value.reduce((sum: number, one) => sum + sizeOf(one) + 1, 2)
    : Object.entries(value).reduce((sum, [name, one]) => sum + name.length + sizeOf(one) + 4, 2)
}

interface Placed {
  readonly message: SnapshotMessage
  readonly isOutput: boolean
}

/** The output of each run, as the newest of these requests has it. */
const outputsOf = (
  requests: ReadonlyArray<RequestSnapshot>,
): ReadonlyMap<string, ReadonlyArray<SnapshotMessage>> =>
  new Map(
    requests.flatMap(({ carries }) => (carries?.output ?? []).map(({ id, messages }) => [id, messages])),
  )

/**
 * The request with all its messages. `found`: the requests that the runs which it names were submitted with, as far as they are there. The
 * request of a client that sends its whole history repeats messages of runs before it; each of those stays where it is.
 */
export const whole = (
  { carries, ...own }: RequestSnapshot,
  found: ReadonlyMap<string, RequestSnapshot>,
): RequestSnapshot => {
  if (carries === undefined) return own
  const { lead, runs, without } = carries
  const requests = runs.flatMap(({ id }) => found.get(id) ?? [])
  const outputs = outputsOf([...requests, { ...own, carries }])
  const leftOut = new Set(without)
  const placed: Array<Placed> = []
  const places = new Map<string, number>()
  const add = (message: SnapshotMessage, isOutput: boolean): void => {
    places.set(message.id, placed.push({ message, isOutput }) - 1)
  }
  for (const { id, out } of runs) {
    const request = found.get(id)
    if (request === undefined || out) continue
    for (const message of request.messages) {
      if (leftOut.has(message.id)) continue
      const place = request.carries === undefined ? places.get(message.id) : undefined
      if (place === undefined) add(message, false)
      else if (!placed[place]!.isOutput) placed[place] = { message, isOutput: false }
    }
    const ids = new Set(request.messages.map((message) => message.id))
    for (const message of outputs.get(id) ?? []) if (!ids.has(message.id)) add(message, true)
  }
  return {
    ...own,
    messages: [
      ...own.messages.slice(0, lead),
      ...placed.map(({ message }) => message),
      ...own.messages.slice(lead),
    ],
  }
}
