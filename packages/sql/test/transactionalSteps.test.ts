import { SqliteClient } from "@effect/sql-sqlite-node"
import { TestRuns } from "@runlease/testkit"
import { Effect, Layer } from "effect"
import * as Steps from "./StepsInTransactions.js"
import * as TempDatabase from "./TempDatabase.js"

Steps.suite(
  "SQLite",
  Layer.unwrapScoped(Effect.map(TempDatabase.filename, (filename) => SqliteClient.layer({ filename }))),
  // The client has one connection, which the second transaction waits for without a sign.
  Effect.repeatN(TestRuns.turn, 10),
)
