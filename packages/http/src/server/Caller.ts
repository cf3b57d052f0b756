/** The permissions of a caller, and the worker that it acts for. */
import { Access, type BrowserToken, type Ids, Run, Runs, type RunToken } from "@runlease/core"
import { Context, Effect } from "effect"
import { epochHeader, type Fence, workerHeader } from "../Api/Fence.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Grants from "./Grants.js"
import { ProjectPortsCache, type Ports } from "./ProjectPorts.js"

const forbidden = (detail: string) => Refusal.make(403, "forbidden", detail)

const ofRun = forbidden(
  "The token of a run is not enough for this: it may append to its run, tell it messages and spawn its children",
)

const ofBrowser = forbidden(
  "A token for a browser is not enough for this: it reads, writes and stops what it is bound to; use an API key, in a program that no page has",
)

/** The caller, when it is an API key. */
export const apiKey = Effect.flatMap(CurrentPrincipal, (principal) => {
  switch (principal._tag) {
    case "ApiKey":
      return Effect.succeed(principal)
    case "Worker":
      return Effect.fail(forbidden("A worker token is not enough for this; use an API key"))
    case "Run":
      return Effect.fail(ofRun)
    case "Browser":
      return Effect.fail(ofBrowser)
  }
})

/** The caller, when it is an admin key. */
export const admin = Effect.filterOrFail(
  apiKey,
  (key) => key.admin,
  () => forbidden("Only an admin key may do this"),
)

const portsOf = (projectId: Ids.ProjectId) =>
  Effect.map(ProjectPortsCache, (projects) => projects.ports(projectId))

/** The ports of an API key's project. */
export const ports: Effect.Effect<Ports, Refusal.Refusal, CurrentPrincipal | ProjectPortsCache> =
  Effect.flatMap(apiKey, (key) => portsOf(key.projectId))

/** The named project, which must be the caller's own; another's does not exist for it. */
const ownProject = Effect.fnUntraced(function* (projectId: Ids.ProjectId, reference: string) {
  const access = yield* Access.Access
  const found = yield* access.getProject(reference).pipe(
    Effect.catchTag("ProjectNotFound", () => Effect.succeed(undefined)),
    Effect.mapError(Verdicts.encode),
  )
  if (found?.id !== projectId) {
    const own = yield* Effect.mapError(access.getProject(projectId), Verdicts.encode)
    return yield* Refusal.make(
      404,
      "project_not_found",
      `Project ${reference} does not exist for this key, which is for project ${own.slug}`,
      { field: "project_reference" },
    )
  }
  return { ports: yield* portsOf(projectId), projectId }
})

/** The ports of the named project, which must be the API key's own. */
export const project = Effect.fnUntraced(function* (reference: string) {
  const key = yield* apiKey
  return { ...(yield* ownProject(key.projectId, reference)), keyId: key.keyId }
})

/** The ports for the endpoints of one worker: its own token, or an API key of its project. */
export const worker = Effect.fnUntraced(function* (workerId: Ids.WorkerId) {
  const principal = yield* CurrentPrincipal
  if (principal._tag === "Run") return yield* ofRun
  if (principal._tag === "Browser") return yield* ofBrowser
  if (principal._tag === "Worker" && principal.workerId !== workerId.toLowerCase()) {
    return yield* forbidden("This token belongs to another worker")
  }
  return (yield* ProjectPortsCache).ports(principal.projectId)
})

/** The ports of the project of an API key or of a worker. */
export const keyOrWorker = Effect.flatMap(CurrentPrincipal, (principal) => {
  switch (principal._tag) {
    case "Run":
      return Effect.fail(ofRun)
    case "Browser":
      return Effect.fail(ofBrowser)
    default:
      return portsOf(principal.projectId)
  }
})

/** The grant of the caller, where it is a page in a browser, and the ports of its project. */
export const page = Effect.flatMap(CurrentPrincipal, (principal) =>
  principal._tag === "Browser"
    ? Effect.map(portsOf(principal.projectId), (ports) => ({ grant: principal.grant, ports }))
    : Effect.succeed(undefined),
)

/** The ports for an endpoint of one run: of an API key, or of a page whose token has the scope and reaches the run. */
export const run = Effect.fnUntraced(function* (scope: BrowserToken.Scope, runId: Ids.RunId) {
  const browser = yield* page
  if (browser === undefined) return yield* ports
  yield* Grants.checkScopes(browser.grant, [scope])
  yield* Grants.findRun(browser.grant, browser.ports, runId)
  return browser.ports
})

/**
 * The ports for an endpoint of one conversation: of an API key, or of a page whose token has the scopes and is bound to it. It may not exist yet.
 */
export const conversation = Effect.fnUntraced(function* (
  scopes: ReadonlyArray<BrowserToken.Scope>,
  conversationId: Ids.ConversationId,
) {
  const browser = yield* page
  if (browser === undefined) return yield* ports
  yield* Grants.checkScopes(browser.grant, scopes)
  yield* Grants.checkConversation(browser.grant, conversationId)
  return browser.ports
})

/**
 * As `conversation`, for an endpoint that shows or changes the run that works in it: a token for some agents is refused while a run of
 * another one has not ended.
 */
export const thread = Effect.fnUntraced(function* (
  scopes: ReadonlyArray<BrowserToken.Scope>,
  conversationId: Ids.ConversationId,
) {
  const own = yield* conversation(scopes, conversationId)
  const browser = yield* page
  if (browser !== undefined) yield* Grants.checkUnfinished(browser.grant, own, conversationId)
  return own
})

/**
 * The ports of the named project for a list of its runs, and the filter as the caller may make it: that of a page has the runs alone that its
 * token reaches.
 */
export const list = Effect.fnUntraced(function* (reference: string, filter: Runs.ListRuns) {
  const browser = yield* page
  if (browser === undefined) return { ports: (yield* project(reference)).ports, filter }
  const { grant } = browser
  yield* Grants.checkScopes(grant, ["read"])
  const { ports: own } = yield* ownProject(grant.projectId, reference)
  return { ports: own, filter: yield* Grants.narrow(grant, filter) }
})

/**
 * The ports for a submission, and the submission as the caller may make it; the grant of a page, which `Grants.checkSubmitted` holds to what
 * the submission becomes.
 */
export const submission = Effect.fnUntraced(function* (wanted: Runs.Submission) {
  const principal = yield* CurrentPrincipal
  if (principal._tag === "ApiKey") {
    return {
      ports: (yield* ProjectPortsCache).ports(principal.projectId),
      submission: wanted,
      grant: undefined,
    }
  }
  const browser = yield* page
  if (browser === undefined) return { ports: yield* ports, submission: wanted, grant: undefined }
  const { grant } = browser
  return { ports: browser.ports, submission: yield* Grants.admit(grant, browser.ports, wanted), grant }
})

/** The id of a conversation that the caller may create: a page, only the one that its token is bound to. */
export const newConversation = Effect.fnUntraced(function* (wanted: Ids.ConversationId | undefined) {
  const browser = yield* page
  if (browser === undefined) return { ports: yield* ports, id: wanted }
  const id = wanted ?? Grants.conversationIn(browser.grant)
  if (id === undefined) return yield* Grants.unbound(browser.grant)
  return { ports: yield* conversation(["write"], id), id }
})

/** Passes an API key, and a page whose token is for the agent. */
export const agent = (agentId: Ids.AgentId) =>
  Effect.flatMap(page, (browser) =>
    browser === undefined ? Effect.void : Grants.checkAgent(browser.grant, agentId),
  )

/** Passes an API key, and answers that a page may give. */
export const answers = (entries: ReadonlyArray<{ readonly interruptId: string }>) =>
  Effect.flatMap(page, (browser) =>
    browser === undefined ? Effect.void : Grants.checkAnswers(entries.map(({ interruptId }) => interruptId)),
  )

/** Whether the caller reaches a run, where that exists. */
export const reaches = (runId: Ids.RunId) =>
  Effect.flatMap(page, (browser) =>
    browser === undefined
      ? Effect.succeed(true)
      : Grants.findRun(browser.grant, browser.ports, runId).pipe(
          Effect.as(true),
          Effect.catchTag("RunNotFound", () => Effect.succeed(false)),
        ),
  )

/** Passes an API key, and a page that speaks as its user. */
export const speaker = (role: string) =>
  Effect.flatMap(page, (browser) =>
    browser === undefined || role === "user" ? Effect.void : Effect.fail(Grants.notUser),
  )

/** Whether the caller may stop the runs that it reaches. */
export const mayStop = Effect.map(
  page,
  (browser) => browser === undefined || browser.grant.scopes.includes("stop"),
)

/** What the program of a run may use: the ports of its project, and the lease that its token names. */
export interface Program {
  readonly ports: Ports
  readonly lease: RunToken.NamedLease
}

/** The caller as the program of a run, where it is one. Another run than its own is forbidden, whether or not there is one of that id. */
export const program = Effect.fnUntraced(function* (path: {
  readonly run_id: Ids.RunId
  readonly worker_id?: Ids.WorkerId
}) {
  const principal = yield* CurrentPrincipal
  if (principal._tag !== "Run") return undefined
  const { lease, projectId } = principal
  const { run_id, worker_id = lease.workerId } = path
  if (run_id !== lease.runId || worker_id.toLowerCase() !== lease.workerId) {
    return yield* forbidden("This token belongs to another run")
  }
  return { lease, ports: yield* portsOf(projectId) } satisfies Program
})

/** The epoch that the request names, when it does. */
const epochOf = (headers: Fence): Run.LeaseEpoch | null => {
  const epoch = headers[epochHeader]
  return epoch === undefined ? null : Run.LeaseEpoch.make(epoch)
}

/** The lease that the path and the headers of a worker's request name. */
export const leaseOf = (
  path: { readonly run_id: Ids.RunId; readonly worker_id: Ids.WorkerId },
  headers: Fence,
): Run.LeaseRef => ({ runId: path.run_id, workerId: path.worker_id, epoch: epochOf(headers) })

/**
 * The lease that a request requires. A worker must hold the run; an API key is trusted unless it names an epoch or a
 * worker. An epoch alone must be that of the run, and is checked again, with its owner, by the port.
 */
export const fence = Effect.fnUntraced(function* (ports: Ports, runId: Ids.RunId, headers: Fence) {
  const principal = yield* CurrentPrincipal
  const epoch = epochOf(headers)
  const workerId = principal._tag === "Worker" ? principal.workerId : headers[workerHeader]
  if (workerId !== undefined) return { workerId, epoch }
  if (epoch === null) return undefined
  const run = yield* Context.get(ports, Runs.Runs).get(runId)
  if (run.leaseEpoch !== epoch || (run.lease === null && !Run.isTerminal(run.status))) {
    return yield* Refusal.make(403, "lease_lost", `Epoch ${epoch} does not hold the lease of run ${runId}`)
  }
  return run.lease === null ? undefined : { workerId: run.lease.owner, epoch }
})
