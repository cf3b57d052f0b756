/** The conformance runner of the protocol, for both ways in which a client begins: `npx pnpm@10 conformance` installs it. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { Access } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Context, Effect, Layer, Option } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Authentication from "@runlease/http/Authentication"
import { serve, Served } from "../../http/test/serving.js"
import * as McpFace from "../src/McpFace.js"

const folder = fileURLToPath(new URL("../conformance/", import.meta.url))
const runner = join(folder, "node_modules/@modelcontextprotocol/conformance/dist/index.js")

const isMissing = !existsSync(runner)
if (isMissing) {
  process.stderr.write(
    "The conformance runner is not installed, so its tests are skipped. Install it: npx pnpm@10 conformance\n",
  )
}

/** The runner sends no token, so each of its requests is one of a key of the store. */
const server = Layer.unwrapScoped(
  Effect.gen(function* () {
    const store = yield* Layer.build(MemoryControlPlane.layer)
    const access = Context.get(store, Access.Access)
    const { id: projectId } = yield* access.getProject("default")
    const { key } = yield* access.createKey({ projectId, name: "runner", admin: false })
    const principal: Access.Principal = { _tag: "ApiKey", keyId: key.id, projectId, admin: false }
    const authentication = Layer.succeed(Authentication.Authentication, {
      identify: () => Effect.succeed(Option.some(principal)),
    })
    return serve(Layer.succeedContext(store), { authentication, faces: [McpFace.face] })
  }),
)

/** Scenarios that need what this server does not have, and why. */
const inapplicable: ReadonlyArray<readonly [scenario: RegExp, reason: string]> = [
  [/^(tools-call-|json-schema-|elicitation-)/, "calls tools of the runner's example server"],
  [/^http-custom-header-/, "needs a tool with x-mcp-header"],
  [/^input-required-result-(?!unsupported-methods|validate-input)/, "calls tools that ask before they begin"],
  [/^completion-/, "needs completions"],
  [/^logging-/, "needs logs of the server"],
  [/^prompts-/, "needs prompts"],
  [/^(resources-|sep-2164-)/, "needs resources"],
  [/^server-sse-/, "needs sessions by version 2025-11-25, and a tool that streams by 2026-07-28"],
]

/** Checks of other scenarios that need such things. */
const unmet: ReadonlySet<string> = new Set([
  // Tools of the runner's example server.
  "sep-2575-server-rejects-undeclared-capability",
  "sep-2575-missing-capability-http-400",
  "sep-2575-http-server-no-independent-requests-on-stream",
  "sep-2575-server-no-log-without-loglevel",
  // Prompts and resources.
  "sep-2549-prompts-list-caching-hints",
  "sep-2549-resources-list-caching-hints",
  "sep-2549-resources-templates-list-caching-hints",
])

const applicable: Readonly<Record<string, ReadonlyArray<string>>> = {
  "2025-11-25": [
    "dns-rebinding-protection",
    "ping",
    "server-initialize",
    "server-session-lifecycle",
    "tools-list",
  ],
  "2026-07-28": [
    "caching",
    "dns-rebinding-protection",
    "http-header-validation",
    "input-required-result-unsupported-methods",
    "input-required-result-validate-input",
    "server-stateless",
    "tools-list",
  ],
}

interface Check {
  readonly id: string
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO"
  readonly errorMessage?: string
}

/** Runs every scenario of a version, and gives the checks of each. */
const checksOf = (url: string, version: string) =>
  Effect.gen(function* () {
    const results = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-conformance-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
    )
    const args = ["--import", "./globSync.mjs", runner, "server", "--url", `${url}/mcp`]
    yield* Effect.async<void>((resume) => {
      // It ends with 1, since some scenarios fail.
      execFile(
        process.execPath,
        [...args, "--suite", "all", "--spec-version", version, "-o", results],
        { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
        () => resume(Effect.void),
      )
    })
    return yield* Effect.promise(async () => {
      const found = new Map<string, ReadonlyArray<Check>>()
      for (const name of await readdir(results)) {
        const [, scenario] = /^server-(.*)-\d{4}-\d\d-\d\dT/.exec(name) ?? []
        found.set(scenario!, JSON.parse(await readFile(join(results, name, "checks.json"), "utf8")))
      }
      return found
    })
  })

describe.skipIf(isMissing)("the conformance runner", () => {
  for (const [version, scenarios] of Object.entries(applicable)) {
    it.scopedLive(`has no objection to the server by version ${version}`, () =>
      Effect.gen(function* () {
        const { url } = yield* Served
        const checks = yield* checksOf(url.replace("127.0.0.1", "localhost"), version)
        const others = Array.from(checks.keys()).filter((name) =>
          inapplicable.every(([scenario]) => !scenario.test(name)),
        )
        deepStrictEqual(others.toSorted(), scenarios)
        const failed = scenarios.flatMap((name) =>
          checks
            .get(name)!
            .filter(({ id, status }) => (status === "FAILURE" || status === "WARNING") && !unmet.has(id))
            .map(({ errorMessage, id }) => `${name} ${id}: ${errorMessage}`),
        )
        deepStrictEqual(failed, [])
        const passed = scenarios
          .flatMap((name) => checks.get(name)!)
          .filter(({ status }) => status === "SUCCESS")
        assertTrue(passed.length > 7, `${passed.length}`)
      }).pipe(Effect.provide(server)),
    )
  }
})
