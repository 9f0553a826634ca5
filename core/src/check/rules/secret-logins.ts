import { entryOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** Vault is entered by a token or by an AppRole, AWS by a whole key or by none. */
export const secretLogins: Rule = {
  project({ scope, report }) {
    for (const [name, { type, node, key }] of scope.secrets) {
      const has = (setting: string): boolean => entryOf(node, setting) !== undefined;
      if (type === 'vault') {
        const role = has('role_id') && has('secret_id');
        if (has('token') && (has('role_id') || has('secret_id')))
          report('secret/login', key, `\`${name}\` has a token and an AppRole; one of them is enough.`);
        else if (!has('token') && !role)
          report('secret/login', key, `\`${name}\` lacks \`token\`, or \`role_id\` and \`secret_id\`.`);
      }
      if (type === 'aws' && has('access_key_id') !== has('secret_access_key'))
        report(
          'secret/login',
          key,
          `\`${name}\` has one of \`access_key_id\` and \`secret_access_key\`; both belong together.`,
        );
      if (type === 'aws' && has('session_token') && !has('access_key_id'))
        report('secret/login', key, `\`${name}\` has a \`session_token\` without its \`access_key_id\`.`);
    }
  },
};
