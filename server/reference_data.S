/* The API's document and its page as read-only data. Paths are relative to the tree's root, where the compiler runs. */
        .section .rodata
        .global reference_document, reference_document_end
        .global reference_page, reference_page_end
        .global reference_script, reference_script_end
        .global reference_style, reference_style_end
reference_document:
        .incbin "server/reference/openapi.json"
reference_document_end:
reference_page:
        .incbin "server/reference/index.html"
reference_page_end:
reference_script:
        .incbin "server/reference/reference.js"
reference_script_end:
reference_style:
        .incbin "server/reference/reference.css"
reference_style_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
