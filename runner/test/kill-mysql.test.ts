import { describe } from 'vitest';
import { noMariaDb } from '../../core/test/mariadb.ts';
import { killLoop } from './kill-loop.ts';

describe.skipIf(noMariaDb)(noMariaDb ?? 'MariaDB', () => killLoop('mysql'));
