/** The log of a run: how it is read to its end, and how its events are folded within a bound of bytes. The view itself is `AgUiView`. */
export { apply, type Sized, sizeOf } from "../agui/JsonPatch.js"
export { make as newest } from "../agui/Newest.js"
export { listedIn, recordedIn } from "../agui/Superseded.js"
export { entries, fold, type Wanted } from "../server/WrittenLog.js"
