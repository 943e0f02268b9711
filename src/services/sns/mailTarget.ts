/** Deliveries by e-mail through the configured server. Source: RFC 5321 (SMTP), RFC 5322 (messages), RFC 4954 (AUTH PLAIN). */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { delivered, failed, type Outcome } from "#engines/delivery/outcome.ts";

export interface Mail {
  to: string;
  subject: string;
  text: string;
  messageId: string;
}

const sender = "no-reply@sns.jikimi.internal";
const stepMs = 15_000;

/** @param url `smtp://[user:password@]host[:port]` or `smtps://…`. */
export async function sendMail(url: string, mail: Mail): Promise<Outcome> {
  const server = new URL(url);
  const secure = server.protocol === "smtps:";
  const options = { host: server.hostname, port: Number(server.port || (secure ? 465 : 25)) };
  const socket: Socket = secure ? connectTls({ ...options, servername: server.hostname }) : connect(options);
  const dialogue = new Dialogue(socket);
  try {
    await dialogue.expect(2);
    await dialogue.say("EHLO jikimi.internal", 2);
    if (server.username !== "") {
      const plain = `\0${decodeURIComponent(server.username)}\0${decodeURIComponent(server.password)}`;
      await dialogue.say(`AUTH PLAIN ${Buffer.from(plain).toString("base64")}`, 2);
    }
    await dialogue.say(`MAIL FROM:<${sender}>`, 2);
    await dialogue.say(`RCPT TO:<${mail.to}>`, 2);
    await dialogue.say("DATA", 3);
    await dialogue.say(`${render(mail)}\r\n.`, 2);
    socket.end("QUIT\r\n");
    return delivered("accepted");
  } catch (error) {
    socket.destroy();
    if (error instanceof Refused) return failed(String(error.status), error.message, error.status >= 500);
    return failed((error as NodeJS.ErrnoException).code ?? "SmtpFailure", (error as Error).message);
  }
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

class Dialogue {
  readonly #socket: Socket;
  #buffer = "";
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      this.#buffer += chunk;
      if (this.#buffer.length > 64 * 1024) socket.destroy(new Error("the mail server's answer is too long"));
      this.#wake?.();
    });
    const end = (error?: Error) => {
      this.#error ??= error ?? new Error("the mail server closed the connection");
      this.#wake?.();
    };
    socket.on("error", end);
    socket.on("close", () => end());
  }

  async say(line: string, expected: number): Promise<void> {
    this.#socket.write(`${line}\r\n`);
    await this.expect(expected);
  }

  /** Reads one answer, of one line or several, and checks the first digit of its code. */
  async expect(first: number): Promise<void> {
    const until = setTimeout(() => this.#socket.destroy(new Error("the mail server does not answer")), stepMs);
    try {
      for (;;) {
        const [answer] = /^(?:\d{3}-.*\r?\n)*\d{3}(?: .*)?\r?\n/.exec(this.#buffer) ?? [];
        if (answer !== undefined) {
          this.#buffer = this.#buffer.slice(answer.length);
          const last = answer.trimEnd().split("\n").at(-1)!;
          const status = Number(last.slice(0, 3));
          if (Math.floor(status / 100) !== first) throw new Refused(status, last);
          return;
        }
        if (this.#error) throw this.#error;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      clearTimeout(until);
    }
  }
}

/** INVARIANT: nothing that was published ends up as a header line or as a line of the dialogue: bodies are base64. */
function render({ to, subject, text, messageId }: Mail): string {
  const lines =
    Buffer.from(text)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  return [
    `From: AWS Notifications <${sender}>`,
    `To: <${to}>`,
    `Subject: ${subject.replace(/[^ -~]/g, " ")}`,
    `Message-ID: <${messageId}@sns.jikimi.internal>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=UTF-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...lines,
  ].join("\r\n");
}
