/** The button of each part of a run that a fork may begin at, and the dialog that it opens. */
import { GitFork } from "lucide-react"
import { createContext, lazy, type ReactNode, Suspense, useContext, useState } from "react"
import { Button } from "../../../ui/Button"
import type { ForkOrigin } from "../model/forkOrigin"
import type { RunLog } from "../model/runLog"

const ForkDialog = lazy(() => import("./ForkDialog"))

/** Opens the dialog. There is none in the conversation of a child, which is another run. */
export const ForkFrom = createContext<((origin: ForkOrigin) => void) | undefined>(undefined)

export interface ForkedRun {
  readonly runId: string
  readonly agentId: string
  readonly log: RunLog
}

/** The dialog, which is loaded when it is opened. */
export const Fork = ({
  onClose,
  origin,
  run,
}: {
  readonly run: ForkedRun
  /** What is chosen first; the last step where there is none. */
  readonly origin: ForkOrigin | null
  readonly onClose: () => void
}) => (
  <Suspense fallback={null}>
    <ForkDialog run={run} origin={origin} onClose={onClose} />
  </Suspense>
)

export const ForkFromHere = ({
  children,
  run,
}: {
  readonly run: ForkedRun
  readonly children: ReactNode
}) => {
  const [origin, setOrigin] = useState<ForkOrigin | null>(null)
  return (
    <ForkFrom value={setOrigin}>
      {children}
      {origin === null ? null : <Fork run={run} origin={origin} onClose={() => setOrigin(null)} />}
    </ForkFrom>
  )
}

export const ForkButton = ({
  name,
  origin,
}: {
  readonly name: string
  readonly origin: ForkOrigin | undefined
}) => {
  const open = useContext(ForkFrom)
  return open === undefined || origin === undefined ? null : (
    <Button
      small
      look="quiet"
      className="-my-[3px] w-[26px] shrink-0 !px-0 max-desk:!w-11"
      aria-label={`Fork from here: ${name}`}
      title="Fork from here"
      onClick={() => open(origin)}
    >
      <GitFork aria-hidden size={14} />
    </Button>
  )
}
