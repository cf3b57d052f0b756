import { createRoot } from "react-dom/client"
import { App, messagesOf } from "./App.js"
import "./style.css"

/** The address contains the chat's id, so that a reload shows the same chat. */
const chatOfAddress = (): string => {
  const address = new URL(location.href)
  const id = address.searchParams.get("chat") ?? crypto.randomUUID()
  address.searchParams.set("chat", id)
  history.replaceState(null, "", address)
  return id
}

const id = chatOfAddress()
createRoot(document.getElementById("root")!).render(<App id={id} before={await messagesOf(id)} />)
