import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Conversation">{null}</Page>

export default ThisPage
