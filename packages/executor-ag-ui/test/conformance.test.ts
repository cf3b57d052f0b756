import { ExecutorSuite } from "@runlease/testkit"
import { Effect } from "effect"
import { readdir } from "node:fs/promises"
import { subject } from "./Peer.js"

ExecutorSuite.suite("a remote AG-UI agent", subject, {
  "open descriptors": Effect.orElseSucceed(
    Effect.map(
      Effect.tryPromise(() => readdir("/proc/self/fd")),
      (names) => names.length,
    ),
    () => 0,
  ),
})
