import { SqlControlPlane } from "@runlease/sql"
import { Effect } from "effect"
import { filename, sqlite } from "../sqlite.js"
import { versions } from "./HttpAgents.js"
import * as FollowUps from "./FollowUps.js"
import * as Turns from "./Turns.js"

// All suites run before memory. A file can change how a turn is woken, followed and taken over, and which of two answers at once is first.
Turns.suite("SQLite", sqlite, versions[0]!)
FollowUps.suite("SQLite", sqlite)
FollowUps.restart(
  Effect.orDie(Effect.map(filename, (file) => SqlControlPlane.layerSqlite({ filename: file }))),
)
