/** The pages by their addresses. Each page is loaded when it is first opened. */
import type { QueryClient } from "@tanstack/react-query"
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router"
import { ApiError } from "./api/client"
import { sessionQuery } from "./api/session"
import { NotFound, PageError } from "./shell/PageError"
import { Shell } from "./shell/Shell"

const root = createRootRouteWithContext<{ readonly queryClient: QueryClient }>()({ component: Outlet })

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>) => ({ back: text(search["back"]) }),
  component: lazyRouteComponent(() => import("./pages/sign-in/SignInPage")),
})

/** Everything but the sign-in needs a session. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(sessionQuery)
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: "/sign-in", search: { back: location.href } })
      }
      throw error
    }
  },
  errorComponent: PageError,
})

const overview = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  validateSearch: (search: Record<string, unknown>) => ({ span: text(search["span"]) }),
  component: lazyRouteComponent(() => import("./pages/overview/OverviewPage")),
})

const runs = createRoute({
  getParentRoute: () => signedIn,
  path: "/runs",
  validateSearch: (search: Record<string, unknown>) => ({
    state: text(search["state"]),
    agent: text(search["agent"]),
    code: text(search["code"]),
    q: text(search["q"]),
    from: text(search["from"]),
    to: text(search["to"]),
    parent: text(search["parent"]),
    conversation: text(search["conversation"]),
    children: text(search["children"]),
  }),
  component: lazyRouteComponent(() => import("./pages/runs/RunsPage")),
})

const run = createRoute({
  getParentRoute: () => signedIn,
  path: "/runs/$runId",
  validateSearch: (search: Record<string, unknown>) => ({
    tab: text(search["tab"]),
    event: text(search["event"]),
  }),
  component: lazyRouteComponent(() => import("./pages/run/RunPage")),
})

const workers = createRoute({
  getParentRoute: () => signedIn,
  path: "/workers",
  validateSearch: (search: Record<string, unknown>) => ({ open: text(search["open"]) }),
  component: lazyRouteComponent(() => import("./pages/workers/WorkersPage")),
})

const conversations = createRoute({
  getParentRoute: () => signedIn,
  path: "/conversations",
  validateSearch: (
    search: Record<string, unknown>,
  ): { readonly q?: string | undefined; readonly agent?: string | undefined } => ({
    q: text(search["q"]),
    agent: text(search["agent"]),
  }),
  component: lazyRouteComponent(() => import("./pages/conversations/ConversationsPage")),
})

const conversation = createRoute({
  getParentRoute: () => signedIn,
  path: "/conversations/$conversationId",
  component: lazyRouteComponent(() => import("./pages/conversations/ConversationPage")),
})

const schedules = createRoute({
  getParentRoute: () => signedIn,
  path: "/schedules",
  component: lazyRouteComponent(() => import("./pages/schedules/SchedulesPage")),
})

const schedule = createRoute({
  getParentRoute: () => signedIn,
  path: "/schedules/$scheduleId",
  component: lazyRouteComponent(() => import("./pages/schedules/SchedulePage")),
})

const trials = createRoute({
  getParentRoute: () => signedIn,
  path: "/trials",
  component: lazyRouteComponent(() => import("./pages/trials/TrialsPage")),
})

const trial = createRoute({
  getParentRoute: () => signedIn,
  path: "/trials/$name",
  component: lazyRouteComponent(() => import("./pages/trials/TrialPage")),
})

const limits = createRoute({
  getParentRoute: () => signedIn,
  path: "/limits",
  component: lazyRouteComponent(() => import("./pages/limits/LimitsPage")),
})

const webhooks = createRoute({
  getParentRoute: () => signedIn,
  path: "/webhooks",
  validateSearch: (search: Record<string, unknown>) => ({ state: text(search["state"]) }),
  component: lazyRouteComponent(() => import("./pages/webhooks/WebhooksPage")),
})

const webhook = createRoute({
  getParentRoute: () => signedIn,
  path: "/webhooks/$endpointId",
  validateSearch: (search: Record<string, unknown>) => ({ state: text(search["state"]) }),
  component: lazyRouteComponent(() => import("./pages/webhooks/EndpointPage")),
})

const outbox = createRoute({
  getParentRoute: () => signedIn,
  path: "/outbox",
  component: lazyRouteComponent(() => import("./pages/outbox/OutboxPage")),
})

const submit = createRoute({
  getParentRoute: () => signedIn,
  path: "/submit",
  validateSearch: (search: Record<string, unknown>) => ({ agent: text(search["agent"]) }),
  component: lazyRouteComponent(() => import("./pages/submit/SubmitPage")),
})

const routeTree = root.addChildren([
  signIn,
  signedIn.addChildren([
    overview,
    runs,
    run,
    workers,
    conversations,
    conversation,
    schedules,
    schedule,
    trials,
    trial,
    limits,
    webhooks,
    webhook,
    outbox,
    submit,
  ]),
])

export const makeRouter = (queryClient: QueryClient) =>
  createRouter({
    routeTree,
    basepath: new URL(document.baseURI).pathname,
    context: { queryClient },
    defaultNotFoundComponent: NotFound,
    defaultPreload: "intent",
    scrollRestoration: true,
  })

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
