/** The overview of a project with neither runs nor workers. */
import { Link } from "@tanstack/react-router"
import { buttonClass } from "../../ui/Button"
import { CommandLine } from "../../ui/CommandLine"
import { workerCommand } from "../workers/commands"
import { Panel } from "../../ui/Panel"

export const FirstSteps = () => (
  <Panel title="Nothing has run in this project yet">
    <ol className="grid gap-4 px-4 pt-1 pb-4 text-ink-2">
      <li className="grid gap-2">
        <span>
          <b className="font-medium text-ink">Start a worker.</b> Any program is an agent: it reads a request
          and prints its answer.
        </span>
        <CommandLine text={workerCommand("example")} />
      </li>
      <li className="grid gap-2">
        <span>
          <b className="font-medium text-ink">Submit a run.</b> From here, or from the command line.
        </span>
        <CommandLine text={`runlease submit --agent echo --watch "hello"`} />
        <Link to="/submit" search={{ agent: undefined }} className={`${buttonClass()} justify-self-start`}>
          Submit a run
        </Link>
      </li>
    </ol>
  </Panel>
)
