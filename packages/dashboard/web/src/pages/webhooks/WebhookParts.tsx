/** The states of endpoints and messages, the buttons that change an endpoint, and its secret. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import {
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleX,
  type LucideIcon,
  OctagonX,
  RotateCw,
  TriangleAlert,
} from "lucide-react"
import { Button } from "../../ui/Button"
import { CommandLine } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import { StateWord } from "../../ui/StateWord"
import { useEndpointActions } from "./queries"
import {
  type EndpointState as State,
  endpointStateOf,
  type MessageState as StateOfMessage,
  messageStateOf,
  shortUrl,
} from "./webhookState"

type Shown = readonly [icon: LucideIcon, word: string, title: string]

const endpointStates: Readonly<Record<State, Shown>> = {
  enabled: [CircleCheck, "Enabled", "Each event is a message to it"],
  failing: [TriangleAlert, "Failing", "Its last attempt failed; others follow"],
  disabled: [CirclePause, "Disabled", "No event is a message to it until it is enabled"],
  stopped: [CircleX, "Disabled", "The server has disabled it"],
}

export const EndpointState = ({
  endpoint,
  iconOnly = false,
}: {
  readonly endpoint: Json.WebhookEndpoint
  readonly iconOnly?: boolean
}) => {
  const state = endpointStateOf(endpoint)
  const [Icon, word, title] = endpointStates[state]
  const isTrouble = state === "failing" || state === "stopped"
  return <StateWord icon={Icon} word={word} title={title} isTrouble={isTrouble} iconOnly={iconOnly} />
}

const messageStates: Readonly<Record<StateOfMessage, Shown>> = {
  pending: [CircleDashed, "Pending", "It is sent as soon as the endpoint has room"],
  retrying: [RotateCw, "Retrying", "An attempt failed; another one follows"],
  delivered: [CircleCheck, "Delivered", "The endpoint has accepted it"],
  dead: [OctagonX, "Dead", "No attempt follows"],
}

export const MessageState = ({
  iconOnly = false,
  message,
}: {
  readonly message: Json.WebhookDelivery
  readonly iconOnly?: boolean
}) => {
  const state = messageStateOf(message)
  const [Icon, word, title] = messageStates[state]
  return <StateWord icon={Icon} word={word} title={title} isTrouble={state === "dead"} iconOnly={iconOnly} />
}

interface Props {
  readonly endpoint: Json.WebhookEndpoint
  readonly look?: "quiet" | "plain"
  readonly small?: boolean
}

export const Refused = ({ error }: { readonly error: Error | null }) =>
  error === null ? null : (
    <span role="alert" className="mr-1 self-center text-small whitespace-normal text-failed">
      {error.message}.
    </span>
  )

export const TestButton = ({ endpoint, look = "quiet", small = true }: Props) => {
  const { test } = useEndpointActions(endpoint)
  return (
    <>
      <Refused error={test.error} />
      <Button
        look={look}
        small={small}
        disabled={test.isPending}
        aria-label={`Send a test message to ${shortUrl(endpoint.url)}`}
        title="Send a message of type test, whatever its events are"
        onClick={() => test.mutate()}
      >
        {look === "quiet" ? "Test" : "Send a test"}
      </Button>
    </>
  )
}

export const EnableButton = ({ endpoint, look = "quiet", small = true }: Props) => {
  const { enable } = useEndpointActions(endpoint)
  const isEnabled = endpoint.status === "enabled"
  return (
    <>
      <Refused error={enable.error} />
      <Button
        look={look}
        small={small}
        disabled={enable.isPending}
        aria-label={`${isEnabled ? "Disable" : "Enable"} ${shortUrl(endpoint.url)}`}
        title={
          isEnabled
            ? "No event is a message to it; messages that are due are dead"
            : "Events are messages to it from now on"
        }
        onClick={() => enable.mutate(!isEnabled)}
      >
        {isEnabled ? "Disable" : "Enable"}
      </Button>
    </>
  )
}

/** Says which endpoint the server has disabled, why, and what to do. */
export const StoppedNotice = ({
  endpoint,
  isOnItsPage = false,
}: Props & { readonly isOnItsPage?: boolean }) =>
  endpointStateOf(endpoint) !== "stopped" ? null : (
    <section
      aria-label={`Endpoint ${shortUrl(endpoint.url)}`}
      className="flex items-start gap-2.5 rounded-3 border border-failed bg-failed-bg px-4 py-2.5 max-desk:flex-wrap max-desk:px-3"
    >
      <CircleX aria-hidden size={16} strokeWidth={1.9} className="mt-0.5 shrink-0 text-failed" />
      <div className="min-w-0 grow basis-0">
        <b className="font-semibold break-words">
          {isOnItsPage ? (
            "The server has disabled this endpoint"
          ) : (
            <>
              The server has disabled{" "}
              <Link
                to="/webhooks/$endpointId"
                params={{ endpointId: endpoint.id }}
                search={{ state: undefined }}
                className="underline underline-offset-3"
              >
                {shortUrl(endpoint.url)}
              </Link>
            </>
          )}
          : {endpoint.disabled_reason}.
        </b>
        <p className="text-ink-2">
          No event is a message to it until it is enabled. What was due meanwhile is dead, and can be sent
          again.
        </p>
      </div>
      {isOnItsPage ? null : (
        <div className="flex shrink-0 gap-2 max-desk:w-full max-desk:pl-[26px]">
          <EnableButton look="plain" endpoint={endpoint} />
        </div>
      )}
    </section>
  )

/** The secret of an endpoint, which no other answer has. */
export const SecretDialog = ({
  onClose,
  secret,
  title,
}: {
  readonly title: string
  readonly secret: string
  readonly onClose: () => void
}) => (
  <ModalDialog title={title} onClose={onClose}>
    <div className="grid gap-3 px-4 pt-1 pb-4">
      <p className="text-ink-2">
        The receiver verifies messages with this secret. It is shown only now: copy it before you close this.
      </p>
      <CommandLine text={secret} />
      <div>
        <Button look="solid" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  </ModalDialog>
)
