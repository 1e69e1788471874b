/*
 * agents_data.h - the text of parsers/agents/agents.tsv, bots.tsv and ranges.txt, linked in by
 * agents_data.S. Not NUL-terminated. Only catalogue.c and ranges.c read them.
 */
#ifndef LOGFERRY_PARSERS_AGENTS_DATA_H
#define LOGFERRY_PARSERS_AGENTS_DATA_H

extern const char agents_data_agents[], agents_data_agents_end[];
extern const char agents_data_ranges[], agents_data_ranges_end[];
extern const char agents_data_bots[], agents_data_bots_end[];

#endif
