import {
  channelTypes,
  resolveReferences,
  type Schema,
  SluiceError,
  type SluiceErrorJson,
  secretKeys,
  secretNames,
  settleSettings,
} from '@sluice/core';
import { redactDeep, redactorOfValues } from '../executor/redact.ts';
import { valuesFor } from '../repo/values.ts';
import { watched } from '../secrets/known.ts';
import { lookUpSecrets, type SecretRequest } from '../secrets/lookup.ts';
import type { DeliverySettings, NoticeContent } from '../store/notices.ts';
import type { Send } from './channels/channel.ts';
import { noticeFields } from './notice-text.ts';

/** Each channel's program is loaded when it is first used. */
const CHANNELS: Readonly<Record<string, () => Promise<Send>>> = {
  webhook: async () => (await import('./channels/webhook.ts')).sendWebhook,
  email: async () => (await import('./channels/email.ts')).sendEmail,
  slack: async () => (await import('./channels/chat.ts')).sendSlack,
  teams: async () => (await import('./channels/chat.ts')).sendTeams,
  command: async () => (await import('./channels/command.ts')).sendCommand,
};

export interface DeliverRequest extends Omit<SecretRequest, 'providers'> {
  notification: string;
  settings: DeliverySettings;
  content: NoticeContent;
  /** `api.url` of the project. */
  url: string | null;
}

/**
 * Tells one channel one notification. Its references are put in here, by the process that tells it, and held no longer. Gives the
 * error, without secrets, where it could not be told; its kind says whether it may be tried again.
 */
export async function deliver(request: DeliverRequest, signal: AbortSignal): Promise<SluiceErrorJson | null> {
  const { settings: channel, content } = request;
  const types: Readonly<Record<string, Schema>> = channelTypes;
  const schema = Object.hasOwn(types, channel.type) ? types[channel.type] : undefined;
  let shown: (text: string) => string = (text) => text;
  try {
    const load = Object.hasOwn(CHANNELS, channel.type) ? CHANNELS[channel.type] : undefined;
    if (!load) throw new SluiceError('notify/failed', 'config', `There is no channel of type ${channel.type}`);
    const names = secretNames(channel.settings);
    const secrets = await lookUpSecrets(names, { ...request, providers: channel.secret_providers }, signal);
    const values = { ...watched(valuesFor(request, '')), secret: (name: string) => secrets.get(name) ?? null };
    const { value, missing } = resolveReferences(channel.settings, values);
    if (missing.length > 0) {
      const message = `The channel ${channel.channel} lacks ${missing.join(', ')}`;
      throw new SluiceError('reference/unset', 'config', message, { hint: 'Set it in the environment of the daemon.' });
    }
    const { settings } = settleSettings(value, schema);
    shown = redactorOfValues(
      secretKeys(schema)
        .map((key) => settings[key])
        .filter((one) => typeof one === 'string'),
    );
    const send = await load();
    await send(noticeFields(request.notification, content, request.url), settings, {
      projectDir: request.projectDir,
      signal,
    });
    return null;
  } catch (error) {
    const known =
      error instanceof SluiceError
        ? error
        : new SluiceError('notify/failed', 'transient', String(error), { cause: error });
    return redactDeep(known.toJSON(), shown);
  }
}
