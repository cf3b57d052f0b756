/**
 * Workers in processes of their own, against the server of this program: for a test or a demonstration that kills one.
 *
 * ```ts
 * const environment = yield* WorkerProcess.connection
 * const first = yield* Command.start(WorkerProcess.command(program, environment))
 * yield* first.kill("SIGKILL")
 * ```
 *
 * It requires `@effect/platform`, and Node.js.
 */
import * as Command from "@effect/platform/Command"
import * as HttpServer from "@effect/platform/HttpServer"
import { Access, ControlPlane } from "@runlease/core"
import { Effect, Redacted } from "effect"

/**
 * What a worker needs to find the control plane of this program, as `Client.layerConfig` of `@runlease/http` reads it: the address of its
 * server, and a key of the default project, which is made here.
 */
export const connection = Effect.gen(function* () {
  const access = yield* Access.Access
  const project = yield* access.getProject(ControlPlane.defaultProject)
  const { token } = yield* access.createKey({ projectId: project.id, name: "worker process" })
  const { address } = yield* HttpServer.HttpServer
  return { RUNLEASE_URL: HttpServer.formatAddress(address), RUNLEASE_API_KEY: Redacted.value(token) }
})

/**
 * Starts the program at a path as this one was started: with the same Node.js and its flags, such as those of a loader of TypeScript. What
 * it writes to stderr is shown. The Scope of `Command.start` ends it.
 */
export const command = (program: string, environment: Readonly<Record<string, string>>): Command.Command =>
  Command.make(process.execPath, ...process.execArgv, program).pipe(
    Command.env(environment),
    Command.stderr("inherit"),
  )
