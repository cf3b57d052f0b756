/** The refusal that a failure of a port is: its status, its code and its sentence. A face says it in the words of its protocol. */
export { encode, type PortError } from "../contract/Verdicts.js"
