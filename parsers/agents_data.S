/* The catalogue as read-only data. Paths are relative to the tree's root, where the compiler runs. */
        .section .rodata
        .global agents_data_agents, agents_data_agents_end
        .global agents_data_bots, agents_data_bots_end
        .global agents_data_ranges, agents_data_ranges_end
agents_data_agents:
        .incbin "parsers/agents/agents.tsv"
agents_data_agents_end:
agents_data_bots:
        .incbin "parsers/agents/bots.tsv"
agents_data_bots_end:
agents_data_ranges:
        .incbin "parsers/agents/ranges.txt"
agents_data_ranges_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
