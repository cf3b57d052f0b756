import { SqlControlPlane } from "@runlease/sql"
import { Effect } from "effect"
import { filename, sqlite } from "../sqlite.js"
import * as Answers from "./Answers.js"
import * as Children from "./Children.js"
import { versions } from "./HttpAgents.js"
import * as Threads from "./Threads.js"
import * as FollowUps from "./FollowUps.js"
import * as Turns from "./Turns.js"

for (const version of versions) {
  Turns.suite("SQLite", sqlite, version)
  Answers.suite("SQLite", sqlite, version)
  Children.suite("SQLite", sqlite, version)
}
Threads.suite("SQLite", sqlite)
FollowUps.suite("SQLite", sqlite)
FollowUps.restart(
  Effect.orDie(Effect.map(filename, (file) => SqlControlPlane.layerSqlite({ filename: file }))),
)
