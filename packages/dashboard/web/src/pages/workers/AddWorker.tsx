/** How to start a worker: the command, for each kind of agent. */
import { useState } from "react"
import { CommandLine } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import { SegmentedControl } from "../../ui/SegmentedControl"
import { type WorkerKind, workerCommand, workerKinds } from "./commands"

const choices = (Object.keys(workerKinds) as Array<WorkerKind>).map(
  (kind) => [kind, workerKinds[kind].label] as const,
)

const AddWorker = ({ onClose }: { readonly onClose: () => void }) => {
  const [kind, setKind] = useState<WorkerKind>("program")
  return (
    <ModalDialog title="Add a worker" onClose={onClose} width={560}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3 px-4 pt-1 pb-4">
        <SegmentedControl
          label="What executes the runs"
          choices={choices}
          value={kind}
          onChange={setKind}
          className="justify-self-start overflow-x-auto max-desk:justify-self-stretch"
        />
        <p className="text-ink-2">{workerKinds[kind].about}</p>
        <CommandLine text={workerCommand(kind)} />
        <p className="text-ink-2">
          Run it where the agent is to work. For KEY put a key of this project; make one with
        </p>
        <CommandLine text="runlease keys create worker" />
        <p className="text-ink-3">
          With <code className="font-mono text-small">--agent NAME</code> the worker takes the runs of this
          agent alone. It appears in the list as soon as it connects.
        </p>
      </div>
    </ModalDialog>
  )
}

export default AddWorker
