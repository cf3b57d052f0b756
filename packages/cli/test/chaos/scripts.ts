/**
 * The module of the workers in chaos: executes the scripts of the workload, and writes down what it does.
 */
import { Executor } from "@runlease/core"
import * as ScriptExecutor from "../../../testkit/src/simulation/ScriptExecutor.js"
import * as Journal from "./Journal.js"
import * as Workload from "./Workload.js"

const { CHAOS_JOURNAL = "", CHAOS_PROCESS = "", CHAOS_SEED = "" } = process.env
const who = { process: CHAOS_PROCESS, recorder: Journal.recorder(CHAOS_JOURNAL, CHAOS_PROCESS) }

export default Executor.layerWith(
  ScriptExecutor.observed(
    who,
    ScriptExecutor.make({ ...who, scriptOf: Workload.scriptOf(Number(CHAOS_SEED)), kill: () => {} }),
  ),
)
