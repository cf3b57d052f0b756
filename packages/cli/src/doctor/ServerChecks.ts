/**
 * The checks of a server and of a project on it.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { HealthCheck, Runs } from "@runlease/core"
import { DateTime, Duration, Effect, Option } from "effect"
import * as Facts from "../explain/Facts.js"
import * as ApiClient from "../input/ApiClient.js"
import * as Settings from "../input/Settings.js"
import * as AgentsCheck from "./AgentsCheck.js"
import * as ClockSkew from "./ClockSkew.js"
import type { Deployment } from "./Deployment.js"
import * as KeyCheck from "./KeyCheck.js"
import * as LeasesCheck from "./LeasesCheck.js"
import * as LostLeasesCheck from "./LostLeasesCheck.js"
import * as OverdueCheck from "./OverdueCheck.js"
import * as AttemptsCheck from "./AttemptsCheck.js"
import * as ServerCheck from "./ServerCheck.js"
import * as StuckRunsCheck from "./StuckRunsCheck.js"
import * as VersionCheck from "./VersionCheck.js"
import * as WorkersCheck from "./WorkersCheck.js"

/** The checks of a project, each of which needs a key. */
export const ofProject: ReadonlyArray<(deployment: Deployment) => HealthCheck.HealthCheck> = [
  WorkersCheck.check,
  AgentsCheck.check,
  StuckRunsCheck.check,
  OverdueCheck.check,
  LeasesCheck.check,
  LostLeasesCheck.check,
  AttemptsCheck.check,
]

const project = (connection: Settings.Connection, ahead: number) =>
  Effect.gen(function* () {
    const client = yield* ApiClient.make(connection)
    const runs = yield* Runs.Runs
    const deployment: Deployment = {
      client,
      project: connection.project,
      now: Effect.map(DateTime.now, (now) => DateTime.addDuration(now, Duration.millis(ahead))),
      workers: yield* Effect.cached(Facts.workersOf(client, connection.project)),
      run: runs.get,
    }
    return yield* HealthCheck.reports(
      KeyCheck.check(client, connection.project),
      ofProject.map((check) => check(deployment)),
    )
  }).pipe(Effect.provide(Settings.client(connection)))

/** Checks the server of the connection, and its project where there is a key. */
export const run = Effect.fnUntraced(function* (connection: Settings.Connection) {
  const http = yield* HttpClient.HttpClient
  const anonymous = yield* ApiClient.anonymous(connection)
  const measured = yield* Effect.orElseSucceed(ClockSkew.measure(http, connection.url), Option.none)
  const reports = yield* HealthCheck.reports(ServerCheck.check(anonymous, connection.url), [
    VersionCheck.check(http, connection.url),
    ClockSkew.check(measured),
    ServerCheck.store(anonymous),
  ])
  if (reports.length === 1) return reports
  if (Option.isNone(connection.apiKey)) return [...reports, KeyCheck.absent]
  const ahead = Option.match(measured, { onNone: () => 0, onSome: ClockSkew.certain })
  return [...reports, ...(yield* project(connection, ahead))]
})
