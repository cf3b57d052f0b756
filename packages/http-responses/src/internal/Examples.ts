/** Examples of the endpoints of OpenAI Responses. */
const output = [
  {
    type: "message",
    id: "answer",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text: "Three pages.", annotations: [], logprobs: [] }],
  },
]

const response = {
  id: "resp_01",
  object: "response",
  created_at: 1_780_000_000,
  status: "completed",
  model: "writer",
  output,
}

const item = {
  type: "message",
  id: "msg_01_0",
  status: "completed",
  role: "user",
  content: [{ type: "input_text", text: "Write the report" }],
}

export const examples = {
  "responses.createResponse": { answer: response },
  "responses.getResponse": { answer: response },
  "responses.cancelResponse": { answer: { ...response, status: "cancelled", output: [] } },
  "responses.listInputItems": {
    answer: { object: "list", data: [item], first_id: item.id, last_id: item.id, has_more: false },
  },
}
