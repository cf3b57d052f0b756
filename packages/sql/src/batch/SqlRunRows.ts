/** The rows of a transaction on a SQL database. */
import type { SqlError } from "@effect/sql/SqlError"
import type { RunRows } from "@runlease/store"
import { Effect } from "effect"
import type { Database } from "../dialect/Dialect.js"
import * as ClaimQueries from "./ClaimQueries.js"
import * as ConversationRows from "./ConversationRows.js"
import * as DebounceQueries from "./DebounceQueries.js"
import * as DetailQueries from "./DetailQueries.js"
import * as DueQueries from "./DueQueries.js"
import * as FlowQueries from "./FlowQueries.js"
import * as InputRows from "./InputRows.js"
import * as LaneQueries from "./LaneQueries.js"
import * as LimitQueries from "./LimitQueries.js"
import * as LogQueries from "./LogQueries.js"
import * as MessageRows from "./MessageRows.js"
import * as RecordQueries from "./RecordQueries.js"
import * as RunQueries from "./RunQueries.js"
import * as RunWrites from "./RunWrites.js"
import * as SummaryQueries from "./SummaryQueries.js"

export const make = (database: Database): RunRows.RunRows<SqlError> => {
  const { dialect } = database
  return {
    records: RecordQueries.rows(database),
    civilNow: database.dialect.civilNow,
    limits: LimitQueries.make(database),
    filters: SummaryQueries.make(database),
    lastKey: RunQueries.lastKey(database),
    flows: FlowQueries.make(database),
    now: dialect.now,
    together: dialect.together,
    commit: dialect.commit,
    find: (refs) => RunQueries.findRuns(database, refs),
    findNamed: (names) => InputRows.findNamed(database, names),
    findKeys: (keys) => RunQueries.findByKey(database, keys),
    findFree: (keys) => RunQueries.findFree(database, keys),
    openChildren: (parents, limit) => RunQueries.findOpenChildren(database, parents, limit),
    search: (search) => ClaimQueries.search(database, search),
    due: DueQueries.readDue(database),
    busyLanes: (lanes) => LaneQueries.readBusy(database, lanes),
    laneRuns: (lanes) => LaneQueries.readRuns(database, lanes),
    debounced: (names) => DebounceQueries.read(database, names),
    lanesOfChildren: (lanes) => LaneQueries.readOfChildren(database, lanes),
    waitingRuns: (lanes) => LaneQueries.readRuns(database, lanes, ["waits"]),
    advanceLanes: (lanes, admits) =>
      Effect.flatMap(dialect.now, (now) => LaneQueries.advance(database, lanes, { admits, now })),
    details: (runs) => DetailQueries.readDetails(database, runs),
    claimDetails: (runs, sessions) => DetailQueries.readClaimDetails(database, runs, sessions),
    firstRequests: (runs) => DetailQueries.readFirstRequests(database, runs),
    submitted: (runs) => DetailQueries.readSubmitted(database, runs),
    resumeRecords: (keys) => DetailQueries.readResumeRecords(database, keys),
    inputs: (names, keys) => InputRows.read(database, names, keys),
    tail: (ref) => LogQueries.readTail(database, ref),
    conversations: (refs) => ConversationRows.read(database, refs),
    messagesOf: (names) => MessageRows.read(database, names),
    insert: (runs) => Effect.flatMap(dialect.now, (now) => RunWrites.insert(database, runs, now)),
    write: (changes, counted) =>
      Effect.flatMap(dialect.now, (now) => {
        const { exact, statements } = RunWrites.write(database, changes, counted, now)
        return dialect.write(statements, exact)
      }),
  }
}
