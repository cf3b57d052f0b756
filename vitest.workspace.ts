import type { TestProjectConfiguration } from "vitest/config"

/** Test files that share processes. Each group loads libraries and compiles sources once for itself, so there are few. */
interface Group {
  readonly all: ReadonlyArray<string>
  readonly except?: ReadonlyArray<string>
  /** The files of `pnpm test`. */
  readonly first: ReadonlyArray<string>
  /** In milliseconds, for what hangs; a machine that is busy with much else is only slow. */
  readonly testTimeout: number
}

/**
 * `first` has each package, and each kind of thing once: `pnpm test`. The rest is every other file: `pnpm test:all` runs both.
 */
const groups: Readonly<Record<string, Group>> = {
  packages: {
    all: ["packages/*/test/**/*.test.ts"],
    first: [
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
    ],
    testTimeout: 300_000,
  },
  examples: {
    all: ["deploy/test/**/*.test.ts", "docs/model/test/**/*.test.ts", "examples/**/test/**/*.test.ts"],
    except: ["examples/testing/**"],
    first: [],
    // A search takes millions of states, and each program of the docs is a process of its own.
    testTimeout: 900_000,
  },
}

const projectOf = (
  name: string,
  { testTimeout }: Group,
  include: ReadonlyArray<string>,
  except: ReadonlyArray<string>,
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

/** The files of one project run side by side, and the projects one after the other. */
const projects: Array<TestProjectConfiguration> = Object.entries(groups).flatMap(([name, group]) => [
  ...(group.first.length === 0 ? [] : [projectOf(`first-${name}`, group, group.first, [])]),
  projectOf(`rest-${name}`, group, group.all, [...(group.except ?? []), ...group.first]),
])

export default projects
