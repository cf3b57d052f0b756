/**
 * The kinds of principals that the matrix has a column for. A further kind is a further entry here, and a further column there.
 */
import { Access, type BrowserToken, BrowserTokens, ControlPlane, Ids, Run, RunToken } from "@runlease/core"
import type { JumpClock } from "@runlease/testkit"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Duration, Effect, Function, Redacted } from "effect"
import type { Endpoint } from "./Endpoints.js"
import type { Names } from "./requests.js"

type Headers = Readonly<Record<string, string>>

/** How a principal sends a request: its headers, the credential in them, and the id of the worker that it says it is. */
export interface Sender {
  readonly headers: Headers
  readonly credential: string
  readonly workerId?: Ids.WorkerId | undefined
}

/** How a principal sends a request to an endpoint, about things of these names. */
export type SenderOf = (names: Names, endpoint: Endpoint) => Effect.Effect<Sender, unknown>

const bearer = (credential: string, workerId?: Ids.WorkerId): Sender => ({
  headers: { authorization: `Bearer ${credential}` },
  credential,
  workerId,
})

const cookie = (credential: string, site: string): Sender => ({
  headers: { cookie: `runlease_session=${credential}`, "sec-fetch-site": site },
  credential,
})

const firstClaim = (workerId: Ids.WorkerId, runId: string): RunToken.NamedLease => ({
  workerId,
  runId: Ids.RunId.make(runId),
  epoch: Run.LeaseEpoch.make(1),
})

/** A project with a key, an admin key and a worker, and how each of them sends. */
export const makeProject = Effect.fnUntraced(function* (slug: string) {
  const access = yield* Access.Access
  const controlPlane = yield* ControlPlane.ControlPlane
  const project = yield* Effect.orElse(access.getProject(slug), () => access.createProject(slug))
  const ports = controlPlane.project(project.id)
  const registered = (key: string) => Effect.provide(TestRuns.register(key), ports)
  const owner = { projectId: project.id, name: "key" }
  const { key, token } = yield* access.createKey(owner)
  const admin = yield* access.createKey({ ...owner, admin: true })
  const issueSession = access.issueSession({ projectId: project.id, keyId: key.id })
  const issue = (workerId: Ids.WorkerId) =>
    Effect.map(access.issueWorkerToken({ projectId: project.id, workerId }), Redacted.value)
  return {
    project,
    ports,
    keyId: key.id,
    holder: yield* registered("holder"),
    other: yield* registered("other"),
    key: Effect.succeed(bearer(Redacted.value(token))),
    admin: Effect.succeed(bearer(Redacted.value(admin.token))),
    session: (site: string) => Effect.map(issueSession, (session) => cookie(Redacted.value(session), site)),
    /** A worker that sends under an id, which may be another's. */
    worker: (workerId: Ids.WorkerId, under = workerId) =>
      Effect.map(issue(workerId), (worker) => bearer(worker, under)),
    /** The program of a run that a worker says it holds, by its first claim. */
    program:
      (workerId: Ids.WorkerId) =>
      ({ run }: Pick<Names, "run">) =>
        issue(workerId).pipe(
          Effect.flatMap((worker) => RunToken.sign(Redacted.make(worker), firstClaim(workerId, run))),
          Effect.map((token) => bearer(Redacted.value(token), workerId)),
        ),
    /** A page with a token for a browser. */
    page: (
      boundTo: BrowserTokens.BoundTo,
      scopes: BrowserToken.Grant["scopes"] = ["read", "write", "stop"],
      agent?: string,
    ) =>
      access
        .issueBrowserToken({
          projectId: project.id,
          issuedBy: key.id,
          scopes,
          bound: BrowserTokens.toBound(project.id, boundTo),
          ...(agent === undefined ? {} : { agentIds: [Ids.AgentId.make(agent)] }),
        })
        .pipe(Effect.map(({ token }) => bearer(Redacted.value(token)))),
  }
})

export type Project = Effect.Effect.Success<ReturnType<typeof makeProject>>

/** Nobody, in each of the ways there are. The session and the key expire while twelve hours pass. */
export const makeNobodies = Effect.fnUntraced(function* (
  { holder, page, project, session, ports }: Project,
  clock: JumpClock.JumpClock,
) {
  const access = yield* Access.Access
  const expired = yield* session("same-origin")
  const short = yield* access.createKey({ projectId: project.id, name: "short", expiresIn: "1 hour" })
  yield* clock.jump(Duration.toMillis(Access.sessionLifetime))
  const { key, token } = yield* access.createKey({ projectId: project.id, name: "revoked" })
  const workerId = yield* Effect.provide(TestRuns.register("revoked"), ports)
  const worker = yield* access.issueWorkerToken({ projectId: project.id, workerId, issuedBy: key.id })
  const program = yield* RunToken.sign(worker, firstClaim(workerId, "run"))
  const pageOf = (issuedBy: Ids.KeyId, expiresIn: Duration.DurationInput = "1 hour") =>
    Effect.map(
      access.issueBrowserToken({
        projectId: project.id,
        issuedBy,
        scopes: ["read"],
        bound: { _tag: "Run", runId: Ids.RunId.make("run") },
        expiresIn,
      }),
      ({ token }) => bearer(Redacted.value(token)),
    )
  const pageOfRevoked = yield* pageOf(key.id)
  const rotated = yield* page({ _tag: "Run", runId: Ids.RunId.make("run") })
  yield* access.rotateSigningKey(project.id)
  const lasting = yield* access.createKey({ projectId: project.id, name: "lasting" })
  const pageExpired = yield* pageOf(lasting.key.id, "1 second")
  yield* clock.jump(2000)
  const forged = yield* RunToken.sign(Redacted.make("guess"), firstClaim(holder, "run"))
  yield* access.revokeKey(project.id, key.id)
  return {
    "no token": { headers: {}, credential: "" },
    "a malformed token": { headers: { authorization: "Basic a2V5" }, credential: " " },
    "an unknown token": bearer(`rlk_${"0".repeat(64)}`),
    "a revoked key": bearer(Redacted.value(token)),
    "an expired key": bearer(Redacted.value(short.token)),
    "a revoked worker": bearer(Redacted.value(worker), workerId),
    "an expired session": expired,
    "a program of a revoked worker": bearer(Redacted.value(program)),
    "a program without its worker": bearer(Redacted.value(forged)),
    "a page of a revoked key": pageOfRevoked,
    "a page whose project has another key": rotated,
    "a page whose token has expired": pageExpired,
    "a page with a forged token": bearer(`${rotated.credential.slice(0, -64)}${"0".repeat(64)}`),
  } satisfies Readonly<Record<string, Sender>>
})

/** The thread or the conversation that an endpoint is about. */
const conversationOf = ({ conversation, thread }: Names, { name }: Endpoint): BrowserTokens.BoundTo =>
  /^(threads\.|agUi\.|chat\.)/.test(name)
    ? { _tag: "Thread", threadId: thread }
    : { _tag: "Conversation", conversationId: Ids.ConversationId.make(conversation) }

/** A page whose token is bound to that conversation. */
const inConversation =
  ({ page }: Project, scopes?: BrowserToken.Grant["scopes"], agentOf?: (names: Names) => string): SenderOf =>
  (names, endpoint) =>
    page(conversationOf(names, endpoint), scopes, agentOf?.(names))

const always = (sender: Effect.Effect<Sender, unknown>): SenderOf => Function.constant(sender)

/** How each column but `nobody` sends. A sender is new for each request: some requests end a credential. */
export const senders = (own: Project, foreign: Project): Readonly<Record<string, SenderOf>> => ({
  key: always(own.key),
  admin: always(own.admin),
  session: always(own.session("same-origin")),
  cross: always(own.session("cross-site")),
  holder: always(own.worker(own.holder)),
  other: always(own.worker(own.other)),
  posing: always(own.worker(own.other, own.holder)),
  program: own.program(own.holder),
  astray: () => own.program(own.holder)({ run: "another-run" }),
  usurper: own.program(own.other),
  read: inConversation(own, ["read"]),
  write: inConversation(own, ["write"]),
  stop: inConversation(own, ["stop"]),
  page: inConversation(own),
  "p-run": ({ run }) => own.page({ _tag: "Run", runId: Ids.RunId.make(run) }),
  "p-label": () => own.page({ _tag: "Label", name: "customer", value: "42" }),
  "p-agent": inConversation(own, undefined, ({ agent }) => agent),
  "o-page": () => own.page({ _tag: "Thread", threadId: "another" }),
  "o-run": () => own.page({ _tag: "Run", runId: Ids.RunId.make("another-run") }),
  "o-label": () => own.page({ _tag: "Label", name: "customer", value: "43" }),
  "o-agent": inConversation(own, undefined, () => "another-agent"),
  "f-key": always(foreign.key),
  "f-admin": always(foreign.admin),
  "f-session": always(foreign.session("same-origin")),
  "f-worker": always(foreign.worker(foreign.other)),
  "f-posing": always(foreign.worker(foreign.other, own.holder)),
  "f-program": foreign.program(foreign.other),
  "f-page": inConversation(foreign),
})
