/** Examples of the endpoints of tokens for browsers. */
import { conversationId } from "./Values.js"

export const examples = {
  "tokens.issue": {
    sent: { scopes: ["read", "write", "stop"], conversation_id: conversationId, expires_in_seconds: 900 },
    answer: {
      token: "rlb_…",
      scopes: ["read", "write", "stop"],
      conversation_id: conversationId,
      run_id: null,
      label: null,
      agent_ids: null,
      expires_at: "2026-01-31T09:15:00.000Z",
    },
  },
  "tokens.rotate": { answer: { rotated: true } },
}
