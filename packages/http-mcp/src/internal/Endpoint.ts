/**
 * The endpoint of MCP over HTTP.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { RunLog } from "@runlease/core"
import { CurrentPrincipal } from "@runlease/http/Principal"
import * as Refusal from "@runlease/http/Refusal"
import { AgentForms } from "@runlease/http/face/AgentForms"
import * as Caller from "@runlease/http/face/Caller"
import type { Ports } from "@runlease/http/face/Caller"
import * as EventStream from "@runlease/http/face/EventStream"
import * as Face from "@runlease/http/face/Face"
import * as RawRequest from "@runlease/http/face/RawRequest"
import * as Turns from "@runlease/http/face/Turns"
import { Context, Effect, Option, type Scope, Stream } from "effect"
import * as JsonRpc from "./JsonRpc.js"
import * as Mcp from "../Mcp.js"

const notAcceptable = Refusal.make(
  406,
  "not_acceptable",
  "The answer may be an event stream: send Accept: application/json, text/event-stream",
)

/** A client of MCP takes both forms of an answer. */
const takesStreams = ({ headers }: HttpServerRequest.HttpServerRequest): boolean => {
  const accept = headers["accept"]
  return accept === undefined || /text\/(event-stream|\*)|\*\/\*/i.test(accept)
}

const headersOf = ({ headers }: HttpServerRequest.HttpServerRequest): Mcp.RequestHeaders => ({
  version: headers["mcp-protocol-version"],
  method: headers["mcp-method"],
  name: headers["mcp-name"],
})

const frameOf = (message: Mcp.Message): string => EventStream.frame(JSON.stringify(message))

const respond = (reply: Mcp.Reply) => {
  switch (reply._tag) {
    case "None":
      return Effect.succeed(HttpServerResponse.empty({ status: 202 }))
    case "Answer":
      return Effect.succeed(HttpServerResponse.unsafeJson(reply.message, { status: reply.status }))
    case "Messages": {
      const { later, messages } = reply
      return later === undefined
        ? EventStream.respond(Stream.map(messages, frameOf))
        : EventStream.respondOnce(
            (done, send) => later.begin(done, (message) => send(frameOf(message))),
            Effect.map(later.answer, frameOf),
          )
    }
  }
}

/** The ports, with reads of logs that wait for their turn: a call may read a log to its end, which a store may have at once. */
const inTurns = (ports: Ports, turn: Effect.Effect<void>): Ports => {
  const log = Context.get(ports, RunLog.RunLog)
  return Context.add(ports, RunLog.RunLog, {
    ...log,
    read: (options) => Effect.zipRight(turn, log.read(options)),
  })
}

/** Answers the message of a request. `agents`: each agent has a separate tool. */
type Respond = (request: HttpServerRequest.HttpServerRequest, agents: boolean) => Face.Answer<Refusal.Refusal>

/** Makes the answer to a message. What it makes is for all messages of the server. */
export const make: Effect.Effect<Respond, never, AgentForms | Scope.Scope> = Effect.gen(function* () {
  const forms = yield* AgentForms
  const waits = yield* Mcp.waits
  /** The servers of each project, with the tools of its agents and without. Its calls share them, also those that wait. */
  const servers = new WeakMap<Ports, Map<boolean, Mcp.Server>>()
  const serverOf = (ports: Ports, agents: boolean) =>
    Effect.gen(function* () {
      const ofProject = servers.get(ports) ?? new Map<boolean, Mcp.Server>()
      servers.set(ports, ofProject)
      const found = ofProject.get(agents)
      if (found !== undefined) return found
      const { projectId } = yield* CurrentPrincipal
      const server = Mcp.make({
        ports: inTurns(ports, yield* Turns.turns),
        waits,
        version: Face.version,
        agents,
        admit: (submission) => forms.check(projectId, submission),
      })
      ofProject.set(agents, server)
      return server
    })
  return (request: HttpServerRequest.HttpServerRequest, agents: boolean) =>
    Effect.gen(function* () {
      yield* RawRequest.checkOrigin(request)
      const ports = yield* Caller.ports
      if (!takesStreams(request)) return yield* notAcceptable
      const message = RawRequest.parse(yield* RawRequest.text)
      if (Option.isNone(message)) {
        return HttpServerResponse.unsafeJson(JsonRpc.unparsable, { status: 400 })
      }
      const server = yield* serverOf(ports, agents)
      return yield* Effect.flatMap(server.handle(message.value, headersOf(request)), respond)
    })
})
