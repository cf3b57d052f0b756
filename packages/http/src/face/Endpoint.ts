/** The parts that endpoints of a face are described with. */
export { EventStreamText, lastEventIdHeader, StreamHeaders } from "../Api/EventStream.js"
export { JsonBody, maxBytes } from "../contract/Body.js"
export { atMost, integerText, nullish, orEmpty } from "../Wire.js"
export { maxMessages, maxParts } from "../Wire/Submission.js"
