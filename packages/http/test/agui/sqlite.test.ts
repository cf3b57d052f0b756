import { SqlControlPlane } from "@runlease/sql"
import { Effect } from "effect"
import { filename, sqlite } from "../sqlite.js"
import * as Answers from "./Answers.js"
import * as Threads from "./Threads.js"
import * as FollowUps from "./FollowUps.js"
import * as Turns from "./Turns.js"

Turns.suite("SQLite", sqlite)
Answers.suite("SQLite", sqlite)
Threads.suite("SQLite", sqlite)
FollowUps.suite("SQLite", sqlite)
FollowUps.restart(
  Effect.orDie(Effect.map(filename, (file) => SqlControlPlane.layerSqlite({ filename: file }))),
)
