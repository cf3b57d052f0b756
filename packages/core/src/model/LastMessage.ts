/** The last message that an agent wrote in a log. */

interface Event {
  readonly type: string
  readonly [field: string]: unknown
}

/** Collects it. `begun`: whether a message has begun, so that what `text` returns is all of it. */
export const collector = () => {
  let messageId: unknown
  let parts: Array<string> = []
  return {
    next: (event: Event): void => {
      if (event.type === "TEXT_MESSAGE_START") {
        messageId = event["messageId"]
        parts = []
      } else if (event.type === "TEXT_MESSAGE_CONTENT" && event["messageId"] === messageId) {
        parts.push(String(event["delta"]))
      }
    },
    begun: (): boolean => messageId !== undefined,
    text: (): string => parts.join(""),
  }
}
