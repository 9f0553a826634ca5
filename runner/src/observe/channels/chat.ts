import { post, type Send } from './channel.ts';

const JSON_BODY = { 'Content-Type': 'application/json' };

/**
 * An incoming webhook of Slack. Source of the format: Slack's reference of incoming webhooks and of Block Kit; `&`, `<` and `>` are
 * escaped as it asks, and a section holds at most 3000 characters.
 */
export const sendSlack: Send = (fields, settings, context) => {
  const encode = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, 3000) } });
  const title = encode(fields.title);
  const link = fields.url === null ? [] : [section(`<${encode(fields.url)}|Open the job>`)];
  const blocks = [section(`*${title}*`), section(encode(fields.text)), ...link];
  return post(String(settings.url), JSON.stringify({ text: title, blocks }), JSON_BODY, context);
};

/** A workflow webhook of Microsoft Teams, which takes a message with an adaptive card. Source: Microsoft's reference of both. */
export const sendTeams: Send = (fields, settings, context) => {
  const text = (value: string, more: object = {}) => ({ type: 'TextBlock', text: value, wrap: true, ...more });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      text(fields.title, { weight: 'Bolder', size: 'Medium' }),
      ...fields.text.split('\n').map((line) => text(line)),
    ],
    ...(fields.url === null ? {} : { actions: [{ type: 'Action.OpenUrl', title: 'Open the job', url: fields.url }] }),
  };
  const card = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content };
  return post(String(settings.url), JSON.stringify({ type: 'message', attachments: [card] }), JSON_BODY, context);
};
