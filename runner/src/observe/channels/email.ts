import { messageOf } from '@sluice/core';
import { createTransport } from 'nodemailer';
import { notSent, PATIENCE_MS, type Send } from './channel.ts';

/** A mail over SMTP. One that is sent twice has the same Message-ID, by which mailboxes know it. */
export const sendEmail: Send = async (fields, settings) => {
  const { host, port, tls, user, password, from, to } = settings;
  const transport = createTransport({
    host: String(host),
    port: Number(port),
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(typeof user === 'string' ? { auth: { user, pass: String(password ?? '') } } : {}),
    connectionTimeout: PATIENCE_MS,
    greetingTimeout: PATIENCE_MS,
    socketTimeout: PATIENCE_MS,
  });
  const link = fields.url === null ? '' : `\n\n${fields.url}`;
  try {
    await transport.sendMail({
      from: String(from),
      to: (to as string[]).join(', '),
      subject: fields.title.replaceAll(/\s+/g, ' '),
      text: `${fields.title}\n\n${fields.text}${link}\n`,
      messageId: `<${fields.id}@sluice.invalid>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Sluice-Event': fields.event },
    });
  } catch (error) {
    const { responseCode = 0, code = '' } = error as { responseCode?: number; code?: string };
    const refused = responseCode >= 500 || ['EAUTH', 'EENVELOPE', 'ETLS'].includes(code);
    const why = `The mail server ${String(host)}:${String(port)} did not take the mail: ${messageOf(error)}`;
    throw notSent(refused ? 'config' : 'transient', why, 'Check `host`, `port`, `tls` and the login of the channel.');
  } finally {
    transport.close();
  }
};
