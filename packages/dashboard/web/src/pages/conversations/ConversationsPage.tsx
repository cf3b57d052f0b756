import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Conversations">{null}</Page>

export default ThisPage
