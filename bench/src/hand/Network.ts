/** A baseline behind `node:http`: its steps as JSON, one request for each step of a batch. */
import { Effect } from "effect"
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Hand } from "./Hand.js"

type Step = keyof Hand

/** Serves the steps and returns the URL. */
export const serve = (hand: Hand): Effect.Effect<string> =>
  Effect.async((resume) => {
    const respond = async (incoming: IncomingMessage, response: ServerResponse) => {
      const chunks: Array<Buffer> = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as never
      const text = JSON.stringify((await hand[incoming.url!.slice(1) as Step](input)) ?? null)
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      })
      response.end(text)
    }
    const server = createServer((incoming, response) => void respond(incoming, response))
    server.listen(0, "127.0.0.1", () =>
      resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
    )
  })

/** The steps of a remote baseline. */
export const connect = (url: string): Hand => {
  const agent = new Agent({ keepAlive: true })
  const send = <A>(step: Step, input: unknown): Promise<A> =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${url}/${step}`, { method: "POST", agent }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")) as A))
      })
      outgoing.on("error", reject)
      outgoing.end(JSON.stringify(input))
    })
  return {
    claim: (limit) => send("claim", limit),
    complete: (runs) => send("complete", runs),
    append: (mentions) => send("append", mentions),
  }
}
