# From the block design to results/: synthesis, placement, routing, reports, bitstream (UG835, UG901, UG904, UG908).
#
# Everything runs in this process and not in runs of the project, as in UG994's flow for module references without a project:
# $readmemh looks for memories/... in the working directory, and a run has one of its own.

namespace eval ::offramp {
    # Block RAMs and DSPs that the report `text` says there are too few of, as "DSPs: 240 of 220". LUTs are the placer's to judge: it
    # pairs small ones.
    proc too_many {text} {
        set found {}
        foreach line [split $text \n] {
            set cells {}
            foreach cell [split $line |] {
                lappend cells [string trim $cell]
            }
            if {[lindex $cells 1] ni {"Block RAM Tile" "DSPs"}} {
                continue
            }
            # Name, used, ..., available, share in per cent; 2022.2 has more columns between than earlier versions.
            set used [lindex $cells 2]
            set available [lindex $cells end-2]
            if {[string is double -strict $used] && [string is double -strict $available] && $used > $available} {
                lappend found "[lindex $cells 1]: $used of $available"
            }
        }
        return $found
    }

    # The worst slack in ns of setup (`max`) or hold (`min`) paths; 0 when there are none.
    proc worst_slack {kind} {
        set path [lindex [get_timing_paths -quiet -delay_type $kind -max_paths 1 -nworst 1] 0]
        set slack [expr {$path eq "" ? "" : [get_property SLACK $path]}]
        return [expr {[string is double -strict $slack] ? $slack : 0.0}]
    }

    proc timing_met {} {
        return [expr {[worst_slack max] >= 0 && [worst_slack min] >= 0}]
    }

    # The hardware description that PYNQ reads; generating the block design has written it.
    proc find_handoff {values} {
        set name [dict get $values design]
        set file [file join [get_property DIRECTORY [current_project]] [dict get $values name].gen sources_1 bd $name hw_handoff $name.hwh]
        if {![file exists $file]} {
            fail "the block design was generated without its hardware description ($file)"
        }
        return $file
    }

    proc write_summary {values path} {
        variable clock_mhz
        set file [open $path.tmp w]
        foreach name {name design board part user_id bus_bits result_bits} {
            puts $file "$name [dict get $values $name]"
        }
        puts $file "clock_mhz $clock_mhz"
        puts $file "wns_ns [worst_slack max]"
        puts $file "whs_ns [worst_slack min]"
        puts $file "vivado [version -short]"
        close $file
        file rename -force $path.tmp $path
    }

    # A working directory of its own for synthesis, with the memory files where the RTL says they are; rtl/ is left as it came.
    proc enter_work_folder {} {
        variable here
        set work [file join $here project work]
        file delete -force $work
        file mkdir $work
        set memories [file join $here rtl memories]
        if {[file isdirectory $memories]} {
            file copy $memories [file join $work memories]
        }
        cd $work
    }

    proc implement {values results} {
        variable here
        set reports [file join $results reports]
        set name [dict get $values name]
        # A memory that stays empty would be a network of zeros, and only a critical warning.
        set_msg_config -id {Synth 8-4445} -new_severity ERROR

        stage "synthesis"
        enter_work_folder
        synth_design -top [dict get $values design]_wrapper -part [dict get $values part]
        cd $here
        stage "optimising"
        opt_design
        report_utilization -file [file join $reports utilisation_synth.rpt]
        set short [too_many [report_utilization -return_string]]
        if {[llength $short] > 0} {
            fail "the design does not fit [dict get $values part]: [join $short {; }]"
        }

        stage "placing"
        place_design
        stage "optimising placed logic"
        phys_opt_design
        stage "routing"
        route_design
        if {![timing_met]} {
            stage "optimising routed logic"
            phys_opt_design
        }

        stage "reports"
        report_utilization -file [file join $reports utilisation.rpt]
        report_timing_summary -max_paths 10 -report_unconstrained -warn_on_violation -file [file join $reports timing.rpt]
        report_power -file [file join $reports power.rpt]
        write_checkpoint -force [file join $here project ${name}_routed.dcp]
        if {![timing_met]} {
            fail "the design misses timing: setup slack [worst_slack max] ns, hold slack [worst_slack min] ns; see reports/timing.rpt"
        }

        stage "bitstream"
        set_property BITSTREAM.CONFIG.USERID [dict get $values user_id] [current_design]
        write_bitstream -force [file join $results $name.bit]
        file copy -force [find_handoff $values] [file join $results $name.hwh]
        write_summary $values [file join $results build.txt]
    }
}
