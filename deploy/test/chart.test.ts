/**
 * The chart of Helm. Where `helm` is installed, it renders the chart; else Go does with the packages of Debian that Helm is made of; without
 * both, the values are checked and nothing is rendered.
 */
import { Validator } from "@cfworker/json-schema"
import { describe, expect, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse, parseAllDocuments, stringify } from "yaml"

const folder = join(import.meta.dirname, "..")
const chart = join(folder, "helm/runlease")
const read = (name: string) => readFileSync(join(chart, name), "utf8")
const templates = readdirSync(join(chart, "templates")).map((name) => read(`templates/${name}`))

type Values = Record<string, unknown>
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

const values = parse(read("values.yaml")) as Values
const schema = new Validator(JSON.parse(read("values.schema.json")) as object, "7")

describe("the values of the chart", () => {
  it("fit their schema, which takes no other name", () => {
    expect(schema.validate(values)).toEqual({ valid: true, errors: [] })
    const refused = [
      { ...values, servers: {} },
      { worker: { concurency: 5 } },
      { server: { replicas: 0 } },
      { worker: { args: "--command=x" } },
      { networkPolicy: { clientLabel: {} } },
    ].map((wrong) => schema.validate(wrong).valid)
    expect(refused).toEqual([false, false, false, false, false])
  })

  it("are all used, and none is used that is not there", () => {
    const used = new Set(templates.join("\n").match(/\.Values(?:\.\w+)+/g))
    const isWhole = (value: unknown) =>
      typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length === 0
    const paths = (value: Values, at: string): ReadonlyArray<string> =>
      Object.entries(value).flatMap(([key, inner]) =>
        isWhole(inner) || used.has(`${at}.${key}`)
          ? [`${at}.${key}`]
          : paths(inner as Values, `${at}.${key}`),
      )
    expect([...paths(values, ".Values")].toSorted()).toEqual([...used].toSorted())
  })

  it("name the version of the command", () => {
    const { version } = JSON.parse(readFileSync(join(folder, "../packages/cli/package.json"), "utf8")) as {
      readonly version: string
    }
    expect(parse(read("Chart.yaml"))).toMatchObject({ appVersion: version })
  })
})

const hasHelm = spawnSync("helm", ["version"]).status === 0
const debian = "/usr/share/gocode"
const hasGo =
  spawnSync("go", ["version"]).status === 0 && existsSync(join(debian, "src/github.com/Masterminds/sprig"))

const rendered = (changes: Values): string => {
  const scratch = mkdtempSync(join(tmpdir(), "runlease-chart-"))
  try {
    const file = join(scratch, "values.yaml")
    writeFileSync(file, stringify(changes))
    if (hasHelm)
      return execFileSync("helm", ["template", "release", chart, "--values", file], { encoding: "utf8" })
    const env = {
      ...process.env,
      GO111MODULE: "off",
      GOPATH: debian,
      GOCACHE: join(tmpdir(), "runlease-go-cache"),
    }
    return execFileSync("go", ["run", join(import.meta.dirname, "chart/render.go"), chart, file], {
      encoding: "utf8",
      env,
      stdio: "pipe",
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const manifestsOf = (text: string): ReadonlyArray<Manifest> =>
  parseAllDocuments(text).flatMap((document) => {
    expect(document.errors).toEqual([])
    const manifest = document.toJS() as Manifest | null
    return manifest === null ? [] : [manifest]
  })

/** What Helm adds to a manifest: labels of the release, and the name of the release in names. */
const withoutRelease = (value: unknown): unknown => {
  if (typeof value === "string") {
    return value === "runlease:0.1.0" ? "runlease" : value.replace(/^(http:\/\/)?release-/, "$1")
  }
  if (Array.isArray(value)) return value.map(withoutRelease)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value)
    .filter(([key]) => !/^(app\.kubernetes\.io|helm\.sh)\//.test(key))
    .map(([key, inner]) => [key, withoutRelease(inner)] as const)
    .filter(([, inner]) => JSON.stringify(inner) !== "{}")
  return Object.fromEntries(entries)
}

const named = (manifest: unknown) => {
  const { kind, metadata, spec } = manifest as Manifest & { readonly spec: object }
  return [`${kind} ${metadata.name}`, spec] as const
}

describe.skipIf(!hasHelm && !hasGo)("the chart, rendered", () => {
  it("has by itself what the manifests have", () => {
    const ofChart = manifestsOf(rendered({})).map(withoutRelease).map(named)
    const ofFolder = ["network", "server", "worker"]
      .flatMap((name) => manifestsOf(readFileSync(join(folder, `kubernetes/${name}.yaml`), "utf8")))
      .map(withoutRelease)
      .map(named)
    const inOrder = <A>(list: ReadonlyArray<readonly [string, A]>) =>
      Object.fromEntries(list.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    expect(inOrder(ofChart)).toEqual(inOrder(ofFolder))
  })

  it("fits the schemas of Kubernetes with each value changed", async () => {
    const resources = { requests: { cpu: "1", memory: "2Gi" } }
    const pod = { nodeSelector: { pool: "agents" }, tolerations: [{ key: "agents", operator: "Exists" }] }
    const env = [{ name: "NODE_OPTIONS", value: "--max-semi-space-size=64" }]
    const text = rendered({
      image: { repository: "registry.example.com/runlease", tag: "1.2.3" },
      server: {
        replicas: 3,
        secret: "other",
        args: ["--keep-finished=7d", "--public-url=https://a.b"],
        env,
        resources,
        pod,
      },
      worker: {
        secret: "others",
        args: ["--module=/app/worker.js"],
        concurrency: 4,
        drainSeconds: 600,
        env,
        resources,
        pod,
        replicas: 7,
        autoscaling: { enabled: false },
      },
      ingress: { enabled: true, className: "nginx", host: "runs.example.com", tlsSecret: "certificate" },
      networkPolicy: { databasePort: 6432, clientLabel: { team: "agents" }, monitoringNamespace: "watch" },
    })
    const manifests = manifestsOf(text)
    for (const manifest of manifests) {
      const module = (await import(`kubernetes-models/${manifest.apiVersion}/${manifest.kind}`)) as Record<
        string,
        new (data: Manifest) => { readonly validate: () => void }
      >
      const model = new module[manifest.kind]!(manifest)
      expect(() => model.validate()).not.toThrow()
    }
    expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      "Deployment release-server",
      "Deployment release-worker",
      "Ingress release-server",
      "NetworkPolicy release-names",
      "NetworkPolicy release-none",
      "NetworkPolicy release-server",
      "NetworkPolicy release-worker",
      "PodDisruptionBudget release-server",
      "PodDisruptionBudget release-worker",
      "Service release-server",
    ])
    const worker = manifests.find(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name === "release-worker",
    )
    expect(worker).toMatchObject({
      spec: {
        replicas: 7,
        template: {
          spec: {
            terminationGracePeriodSeconds: 630,
            nodeSelector: { pool: "agents" },
            containers: [
              {
                image: "registry.example.com/runlease:1.2.3",
                args: [
                  "worker",
                  "--concurrency=4",
                  "--drain-timeout=600s",
                  "--metrics-port=9464",
                  "--log-format=json",
                  "--module=/app/worker.js",
                ],
              },
            ],
          },
        },
      },
    })
  })

  it("refuses an ingress without a host, and has servers alone without workers", () => {
    expect(() => rendered({ ingress: { enabled: true } })).toThrow(/ingress\.host is the name/)
    const alone = manifestsOf(rendered({ worker: { enabled: false }, networkPolicy: { enabled: false } }))
    expect(alone.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "Deployment release-server",
      "Service release-server",
      "PodDisruptionBudget release-server",
    ])
  })
})
