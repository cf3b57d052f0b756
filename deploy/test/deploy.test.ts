/** The files of this folder, read by the tools that will read them. Tools of Debian are asked where they are installed. */
import { describe, expect, it } from "@effect/vitest"
import { validate as validateDockerfile } from "dockerfile-utils"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"

const folder = join(import.meta.dirname, "..")
const read = (name: string) => readFileSync(join(folder, name), "utf8")

/** Whether a program is there: it says its version. */
const has = (program: string, ...version: ReadonlyArray<string>) => spawnSync(program, version).status === 0

const inScratch = <A>(use: (scratch: string) => A): A => {
  const scratch = mkdtempSync(join(tmpdir(), "runlease-deploy-"))
  try {
    return use(scratch)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

describe("Dockerfile", () => {
  it("has no fault, and packs what the package script packs", () => {
    expect(validateDockerfile(read("Dockerfile"))).toEqual([])
    expect(existsSync(join(folder, "../scripts/pack.mjs"))).toBe(true)
  })
})

describe("Kubernetes", () => {
  interface Manifest {
    readonly apiVersion: string
    readonly kind: string
    readonly metadata: { readonly name: string }
  }

  interface Model {
    readonly validate: () => void
  }

  const files = readdirSync(join(folder, "kubernetes"))
  const manifests = files.flatMap((file) =>
    parseAllDocuments(read(`kubernetes/${file}`)).map((document) => {
      expect(document.errors).toEqual([])
      return document.toJS() as Manifest
    }),
  )
  const resources = manifests.filter(({ kind }) => kind !== "Kustomization")

  it.each(resources.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    "%s fits the schema of its kind",
    async (_name, manifest) => {
      const module = (await import(`kubernetes-models/${manifest.apiVersion}/${manifest.kind}`)) as Record<
        string,
        new (data: Manifest) => Model
      >
      const model = new module[manifest.kind]!(manifest)
      expect(() => model.validate()).not.toThrow()
    },
  )

  it("every file is in the kustomization", () => {
    const { resources: named } = manifests.find(({ kind }) => kind === "Kustomization") as unknown as {
      readonly resources: ReadonlyArray<string>
    }
    expect(files.filter((file) => file !== "kustomization.yaml")).toEqual([...named].toSorted())
  })
})

describe("compose", () => {
  it.skipIf(!has("docker-compose", "version"))("docker-compose takes the file", () => {
    const shown = execFileSync("docker-compose", ["-f", join(folder, "compose.yaml"), "config"], {
      encoding: "utf8",
      env: { ...process.env, RUNLEASE_API_KEY: "rlk_test", POSTGRES_PASSWORD: "secret" },
    })
    expect(shown).toContain("condition: service_healthy")
  })

  it("names only files that are there", () => {
    const mounts = Array.from(read("compose.yaml").matchAll(/- (\.\/[^:]+):/g), ([, path]) => path!)
    expect(mounts.length).toBeGreaterThan(4)
    expect(mounts.filter((path) => !existsSync(join(folder, path)))).toEqual([])
  })
})

describe("systemd", () => {
  it.skipIf(!has("systemd-analyze", "--version"))("systemd takes the units", () => {
    const verified = spawnSync(
      "systemd-analyze",
      [
        "verify",
        "--recursive-errors=no",
        ...readdirSync(join(folder, "systemd")).map((unit) =>
          join(folder, "systemd", unit.replace("@.", "@coder.")),
        ),
      ],
      { encoding: "utf8" },
    )
    expect(verified.stderr).toBe("")
    expect(verified.status).toBe(0)
  })
})

describe("the autoscaler", () => {
  it("scales by a number that the rules record, with as many runs for each worker as it has slots", () => {
    const autoscaler = parseAllDocuments(read("kubernetes/worker.yaml"))
      .map((document) => document.toJS() as { readonly kind: string })
      .find(({ kind }) => kind === "HorizontalPodAutoscaler")
    const [, slots] = /--concurrency=(\d+)/.exec(read("kubernetes/worker.yaml")) ?? []
    expect(autoscaler).toMatchObject({
      spec: {
        metrics: [
          {
            external: {
              metric: { name: "runlease_active_runs" },
              target: { type: "AverageValue", averageValue: slots },
            },
          },
        ],
      },
    })
    expect(read("alerts/runlease.yaml")).toContain("record: runlease:active_runs\n")
  })
})

describe("Prometheus and Grafana", () => {
  const dashboard = JSON.parse(read("grafana/runlease.json")) as {
    readonly panels: ReadonlyArray<{
      readonly title: string
      readonly targets?: ReadonlyArray<{ readonly expr: string }>
    }>
  }
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const names = (text: string) => new Set(text.match(/runlease_[a-z_]+/g))

  it.skipIf(!has("promtool", "--version"))(
    "promtool takes the rules, the configuration and every query",
    () => {
      inScratch((scratch) => {
        const rules = join(scratch, "runlease.yaml")
        writeFileSync(rules, read("alerts/runlease.yaml"))
        writeFileSync(join(scratch, "prometheus.yaml"), read("compose/prometheus.yaml"))
        execFileSync("promtool", ["check", "rules", rules])
        execFileSync("promtool", ["check", "config", join(scratch, "prometheus.yaml")])
        const asRules = {
          groups: [
            {
              name: "panels",
              rules: queries.map((expr, panel) => ({
                record: `panel:${panel}`,
                expr: expr.replaceAll("$__rate_interval", "5m"),
              })),
            },
          ],
        }
        writeFileSync(join(scratch, "panels.yaml"), JSON.stringify(asRules))
        const checked = execFileSync("promtool", ["check", "rules", join(scratch, "panels.yaml")], {
          encoding: "utf8",
        })
        expect(checked).toContain(`${queries.length} rules found`)
      })
    },
  )

  it.skipIf(!has("promtool", "--version"))("each alert fires when it must, and only then", () => {
    const tests = read("test/alerts.yaml")
    const tested = (name: string) => [...tests.matchAll(new RegExp(`alertname: ${name}\\b`, "g"))].length
    const alerts = Array.from(read("alerts/runlease.yaml").matchAll(/alert: (\w+)/g), ([, name]) => name!)
    expect(alerts.filter((name) => tested(name) < 2)).toEqual([])
    const { status, stderr, stdout } = spawnSync(
      "promtool",
      ["test", "rules", join(folder, "test/alerts.yaml")],
      { encoding: "utf8" },
    )
    expect(`${stdout}${stderr}`).toContain("SUCCESS")
    expect(status).toBe(0)
  })

  it("every metric is one that the documentation lists", () => {
    const documented = names(readFileSync(join(folder, "../docs/telemetry.md"), "utf8"))
    const used = names([read("alerts/runlease.yaml"), ...queries].join("\n"))
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, "")
    expect(used.size).toBeGreaterThan(8)
    expect([...used].filter((name) => !documented.has(base(name)))).toEqual([])
  })

  it("every alert is on the page for the night", () => {
    const page = readFileSync(join(folder, "../docs/operations.md"), "utf8")
    const alerts = Array.from(read("alerts/runlease.yaml").matchAll(/alert: (\w+)/g), ([, name]) => name!)
    expect(alerts.filter((name) => !page.includes(name))).toEqual([])
  })
})
