import type { TestProjectConfiguration } from "vitest/config"

const all = [
  "packages/*/test/**/*.test.ts",
  "deploy/test/**/*.test.ts",
  "docs/model/test/**/*.test.ts",
  "examples/**/test/**/*.test.ts",
]

/** Each package, and each kind of thing once: `pnpm test`. */
const first = [
  "packages/{core,store}/test/**/!(cronTime).test.ts",
  "packages/{dashboard,docs,executor-ag-ui,process,test-postgres}/test/**/*.test.ts",
  "packages/workflow/test/**/!(lost).test.ts",
  "packages/executor-command/test/{CommandExecutor,Output,conformance,steps}.test.ts",
  "packages/executor-acp/test/{Answers,Messages,Obligations,Protocol,Updates}.test.ts",
  "packages/executor-ai/test/{AiExecutor,client-tools,errors,prompt,side-effects,tools,usage}.test.ts",
  "packages/sql/test/{checks,claims,durability,families,files,migrations,plans,sqlite}.test.ts",
  "packages/sql/test/postgres{Families,Races,Servers,Statements}.test.ts",
  "packages/http/test/agui/{Obligations,PlainDelta,requests}.test.ts",
  "packages/http-mcp/test/rules.test.ts",
  "packages/http/test/{bodies,claimedRun,contract,exchange,hotRoutes,interrupts,mount,public}.test.ts",
  "packages/http/test/{runPage,session,stream,strict,verdicts,views}.test.ts",
  "packages/testkit/test/{EventOrder,JumpClock,TestRuns,TokenCache,agUiOrder,executor,few,historyChecker,worker}.test.ts",
  "packages/cli/test/faces/openapi.test.ts",
  "packages/cli/test/{browser,dashboard-mount,executors,faults-worker,flags,help,programs,startup,walk}.test.ts",
  "examples/testing/test/**/*.test.ts",
]

/** Its files run side by side, and share processes: libraries and sources are loaded once for all. `testTimeout`: in milliseconds, for what hangs. */
const projectOf = (
  name: string,
  testTimeout: number,
  include: ReadonlyArray<string>,
  except: ReadonlyArray<string> = [],
): TestProjectConfiguration => ({
  // The component of a page has no import of React.
  esbuild: { jsx: "automatic" },
  test: {
    name,
    include: [...include],
    exclude: ["**/node_modules/**", ...except],
    globalSetup: ["vitest.shared.ts"],
    setupFiles: ["vitest.setup.ts", ...(process.env["TEST_CPU"] === undefined ? [] : ["vitest.cpu.ts"])],
    // Libraries are loaded once for each process, not for each file.
    isolate: false,
    testTimeout,
    hookTimeout: 300_000,
    // The reference client of AG-UI prints a warning for whatever it does not know.
    env: { SUPPRESS_TRANSFORMATION_WARNINGS: "true" },
  },
})

/** `pnpm test:all` runs both. In the rest, a search takes millions of states, and each program of the docs is a process of its own. */
const projects: Array<TestProjectConfiguration> = [
  projectOf("first", 300_000, first),
  projectOf("rest", 900_000, all, first),
]

export default projects
