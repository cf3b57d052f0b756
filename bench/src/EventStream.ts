/** Reads the event stream of a run as a browser does: one response, and another after it when it ends before the run. */
import { Agent, get, type IncomingMessage } from "node:http"
import type { Served } from "./Stores.js"

const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

export interface Event {
  readonly type: string
  readonly [field: string]: unknown
}

export interface Reader {
  /** The server has accepted the request. */
  readonly begin?: () => void
  /** Takes an event that has arrived at this time of the monotonic clock, in nanoseconds; returns whether the run has ended. */
  readonly take: (event: Event, now: number) => boolean
}

interface Position {
  lastEventId: string
  ended: boolean
}

const respond = ({ key, url }: Served, path: string, { lastEventId }: Position): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "last-event-id": lastEventId }
    get(`${url}${path}`, { agent, headers }, resolve).once("error", reject)
  })

const takeLine = (position: Position, { take }: Reader, line: string, now: number): void => {
  if (line.startsWith("id:")) position.lastEventId = line.slice(3).trim()
  if (line.startsWith("data:") && take(JSON.parse(line.slice(5)) as Event, now)) position.ended = true
}

/** Reads a response to its end. */
const read = (position: Position, reader: Reader, response: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    let rest = ""
    response.setEncoding("utf8")
    response.on("data", (chunk: string) => {
      const now = Number(process.hrtime.bigint())
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) takeLine(position, reader, line, now)
    })
    response.once("close", resolve)
  })

/** Reads the stream at a path of the server from its beginning until the run ends. */
export const follow = async (served: Served, path: string, reader: Reader): Promise<void> => {
  const position: Position = { lastEventId: "0", ended: false }
  while (!position.ended) {
    const response = await respond(served, path, position)
    if (response.statusCode === 200) reader.begin?.()
    else if (response.statusCode !== 503) throw new Error(`A stream is refused: ${response.statusCode}`)
    await read(position, reader, response)
    if (!position.ended) await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
