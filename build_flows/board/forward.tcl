# Runs a script for Vivado in a plain Tcl interpreter: tclsh forward.tcl SCRIPT COMMANDS ARGUMENT...
#
# Each command named in COMMANDS (a list) is asked of whoever started this: one line on stdout, with the working directory and every word,
# and one line on stdin with the answer. Words are base64, a word's list elements after it. Every other command is Tcl's own, so one that
# neither knows ends the script. Done is said as `end`, an error as `error`.

namespace eval ::forward {
    proc encode {text} {
        return .[binary encode base64 [encoding convertto utf-8 $text]]
    }

    proc decode {text} {
        return [encoding convertfrom utf-8 [binary decode base64 [string range $text 1 end]]]
    }

    proc send {words} {
        set line {}
        foreach word $words {
            set parts [list [encode $word]]
            if {[string is list $word]} {
                foreach item $word {
                    lappend parts [encode $item]
                }
            }
            lappend line [join $parts ,]
        }
        ::forward::puts stdout [join $line " "]
        flush stdout
    }

    # The answer is `ok` and list elements, `text` and one word, or `refused` and why.
    proc ask {args} {
        send [list ask [pwd] {*}$args]
        if {[gets stdin line] < 0} {
            exit 2
        }
        set rest [lassign [split $line " "] kind]
        set words [lmap word $rest {decode $word}]
        switch $kind {
            ok { return $words }
            text { return [lindex $words 0] }
            refused { return -code error [lindex $words 0] }
        }
    }
}

rename ::puts ::forward::puts
proc ::puts {args} {
    if {[llength $args] == 1} {
        ::forward::send [list said [pwd] {*}$args]
    } else {
        ::forward::puts {*}$args
    }
}

set ::argv [lassign $::argv ::forward::script ::forward::commands]
foreach ::forward::command $::forward::commands {
    interp alias {} ::$::forward::command {} ::forward::ask $::forward::command
}
if {[catch {source $::forward::script} ::forward::message ::forward::details]} {
    ::forward::send [list error [pwd] $::forward::message [dict get $::forward::details -errorinfo]]
    exit 1
}
::forward::send [list end [pwd]]
