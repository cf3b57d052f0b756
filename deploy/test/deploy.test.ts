/** The files of this folder, read by the tools that will read them. Tools of Debian are asked where they are installed. */
import { describe, expect, it } from "@effect/vitest"
import { validate as validateDockerfile } from "dockerfile-utils"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
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
    expect(existsSync(join(folder, "../scripts/published.mjs"))).toBe(true)
  })

  it("takes Node 22, and every package by the lock file", () => {
    const text = read("Dockerfile")
    const images = Array.from(text.matchAll(/^FROM (\S+)/gm), ([, image]) => image)
    expect(images).toEqual(["node:22-bookworm", "node:22-bookworm", "node:22-bookworm-slim"])
    const installs = text.match(/^.*\b(?:install|add|ci)\b.*$/gm)!.filter((line) => /\bp?npm\b/.test(line))
    expect(installs).toHaveLength(2)
    expect(installs.filter((line) => !line.includes("install --frozen-lockfile"))).toEqual([])
    const { packageManager } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8"))
    expect(new Set(text.match(/pnpm@\S+/g))).toEqual(new Set([packageManager]))
  })

  it("has the packages in the image as they are published", () => {
    inScratch((scratch) => {
      const manifest = { name: "@runlease/one", bin: { runlease: "./src/bin.ts" }, exports: "./src/index.ts" }
      const publishConfig = { bin: { runlease: "./dist/bin.js" }, exports: "./dist/index.js" }
      mkdirSync(join(scratch, "packages/one"), { recursive: true })
      const file = join(scratch, "packages/one/package.json")
      writeFileSync(
        file,
        JSON.stringify({ ...manifest, publishConfig: { ...publishConfig, access: "public" } }),
      )
      execFileSync("node", [join(folder, "../scripts/published.mjs")], { cwd: scratch })
      expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ ...manifest, ...publishConfig })
    })
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

  interface Deployment extends Manifest {
    readonly spec: {
      readonly template: {
        readonly metadata: { readonly labels: { readonly app: string } }
        readonly spec: {
          readonly automountServiceAccountToken?: boolean
          readonly volumes: ReadonlyArray<{ readonly name: string; readonly emptyDir?: object }>
          readonly containers: ReadonlyArray<{
            readonly args: ReadonlyArray<string>
            readonly env?: ReadonlyArray<object>
            readonly envFrom?: ReadonlyArray<object>
            readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>
            readonly securityContext: object
            readonly volumeMounts: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>
          }>
        }
      }
    }
  }

  const deployments = manifests.filter(
    ({ kind }) => kind === "Deployment",
  ) as unknown as ReadonlyArray<Deployment>

  it("no pod writes to its image, has a token of the cluster, or serves its metrics beside the API", () => {
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual(["server", "worker"])
    for (const { spec } of deployments) {
      const pod = spec.template.spec
      const [container] = pod.containers
      expect(pod.automountServiceAccountToken).toBe(false)
      expect(container!.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      })
      const written = pod.volumes.flatMap(({ emptyDir, name }) => (emptyDir === undefined ? [] : [name]))
      expect(container!.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(["/data", "/tmp"])
      expect(container!.volumeMounts.map(({ name }) => name)).toEqual(written)
      expect(container!.args).not.toContain("--metrics")
      const { containerPort } = container!.ports.find(({ name }) => name === "metrics")!
      expect(container!.args).toContain(`--metrics-port=${containerPort}`)
    }
  })

  it("a worker has a key of workers, and not the secret of the server", () => {
    const secretsOf = (name: string) => {
      const found = deployments.find(({ metadata }) => metadata.name === name)!
      const [{ env = [], envFrom = [] }] = found.spec.template.spec.containers as readonly [
        Deployment["spec"]["template"]["spec"]["containers"][number],
      ]
      return Array.from(
        JSON.stringify([env, envFrom]).matchAll(/Ref":\{"name":"([^"]+)"/g),
        ([, secret]) => secret,
      )
    }
    expect([secretsOf("server"), secretsOf("worker")]).toEqual([["runlease"], ["worker"]])
    expect(read("kubernetes/namespace.yaml")).toContain("runlease keys create worker")
  })

  it("a policy of the network is for every pod, and lets a worker reach no database", () => {
    interface Policy extends Manifest {
      readonly spec: {
        readonly podSelector: { readonly matchLabels?: { readonly app: string } }
        readonly policyTypes: ReadonlyArray<string>
        readonly ingress?: ReadonlyArray<object>
        readonly egress?: ReadonlyArray<{
          readonly ports?: ReadonlyArray<{ readonly port: number | string }>
        }>
      }
    }
    const policies = manifests.filter(
      ({ kind }) => kind === "NetworkPolicy",
    ) as unknown as ReadonlyArray<Policy>
    const forAll = policies.find(
      ({ spec }) => spec.podSelector.matchLabels === undefined && spec.policyTypes.length === 2,
    )
    expect(forAll?.spec.ingress ?? forAll?.spec.egress).toBe(undefined)
    const portsOf = (app: string) =>
      policies
        .filter(({ spec }) => spec.podSelector.matchLabels?.app === app)
        .flatMap(({ spec }) => spec.egress ?? [])
        .map(({ ports = [] }) => ports.map(({ port }) => port))
    expect(portsOf("server")).toEqual([[5432]])
    expect(portsOf("worker")).toEqual([["http"], [443]])
  })

  it("every file is in the kustomization", () => {
    const { resources: named } = manifests.find(({ kind }) => kind === "Kustomization") as unknown as {
      readonly resources: ReadonlyArray<string>
    }
    expect(files.filter((file) => file !== "kustomization.yaml")).toEqual([...named].toSorted())
  })
})

describe("systemd", () => {
  it.each(readdirSync(join(folder, "systemd")))("%s closes what a unit need not reach", (unit) => {
    const lines = read(`systemd/${unit}`).split("\n")
    const missing = [
      "DynamicUser=yes",
      "NoNewPrivileges=yes",
      "ProtectSystem=strict",
      "ProtectHome=yes",
      "PrivateTmp=yes",
      "PrivateDevices=yes",
      "ProtectKernelTunables=yes",
      "ProtectControlGroups=yes",
      "CapabilityBoundingSet=",
      "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    ].filter((directive) => !lines.includes(directive))
    expect(missing).toEqual([])
    expect(lines.join("\n")).toContain("runlease keys create")
  })

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

describe("the young generation of V8", () => {
  const flag = "--max-semi-space-size=64"
  /** Two semi-spaces of 16 MiB: what Node 20 and 22 have by themselves. */
  const usual = 2 * 16 * 2 ** 20

  /** A module that prints the most that the young generation gets, while more objects live than it has room for. */
  const probe = `
    import v8 from "node:v8"
    const young = () => v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size
    const kept = []
    let most = 0
    for (let index = 0; index < 3_000_000; index++) {
      kept[index % 200_000] = { index }
      if (index % 1000 === 0) most = Math.max(most, young())
    }
    console.log(most)
    process.exit()`

  const { scripts } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<"demo" | "runlease", string>>
  }

  /** What a command prints that loads a module. */
  const printedBy = (command: string, module: string, options = "") =>
    inScratch((scratch) => {
      const path = join(scratch, "probe.mjs")
      writeFileSync(path, module)
      const env = { ...process.env, NODE_OPTIONS: options, RUNLEASE_API_KEY: "rlk_test" }
      const printed = execFileSync("sh", ["-c", `${command} "$0"`, path], {
        cwd: join(folder, ".."),
        encoding: "utf8",
        env,
      })
      return Number(printed)
    })

  const ofWorker = (command: string, options: string) =>
    printedBy(`${command} worker --module`, probe, options)

  /** A module that prints how many bytes the young generation gets of objects like those that have lasted. */
  const lasting = `
    import v8 from "node:v8"
    const young = () => v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_used_size
    class Item { constructor(index) { this.index = index; this.next = [index] } }
    const kept = []
    const fill = (count) => { for (let index = 0; index < count; index++) kept[index % 400_000] = new Item(index) }
    for (let round = 0; round < 10; round++) fill(400_000)
    // A collection that comes in between leaves less.
    const added = () => {
      const before = young()
      fill(2000)
      return young() - before
    }
    console.log(Math.max(...Array.from({ length: 5 }, added)))
    process.exit()`
  const inYoung = 2000 * 90

  // Node 20 and 24 by themselves mostly put a part of them into old space; whether they do depends on when they collect.
  it("has all new objects of the command", () => {
    const command = scripts.runlease.replace(flag, "")
    expect(printedBy(`${command} worker --module`, lasting)).toBeGreaterThan(inYoung)
  })

  it("is larger for the command of a checkout", () => {
    expect(scripts.demo).toBe(`${scripts.runlease} demo`)
    expect(ofWorker(scripts.runlease, "")).toBeGreaterThan(usual)
  })

  const units = readdirSync(join(folder, "systemd")).map((unit) => `systemd/${unit}`)
  it.each(["Dockerfile", "compose.module.yaml", ...units])("is larger by %s", (name) => {
    const settings = read(name).matchAll(/^ *(?:ENV|Environment=).*\bNODE_OPTIONS=(.+)$/gm)
    expect(Array.from(settings, ([, options]) => options)).toEqual([flag])
  })

  it("is larger for a command whose environment says so", () => {
    expect(ofWorker(scripts.runlease.replace(flag, ""), flag)).toBeGreaterThan(usual)
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
