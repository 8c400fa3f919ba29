# Builds the bitstream of an offramp accelerator for a Zynq-7000 board. With Vivado 2022.2 or newer:
#
#     vivado -mode batch -source build.tcl -tclargs --name NAME --design DESIGN --board BOARD ...
#
# build.sh beside this file has the whole line. Beside it lie also tcl/ with block_design.tcl, implement.tcl and the boards' settings, and
# rtl/ with the accelerator as `filelist.f` lists it. Everything Vivado makes goes into project/, what is worth keeping into results/:
#
#     NAME.bit, NAME.hwh                  for the board; there only if the design fits and keeps its clock
#     reports/utilisation_synth.rpt       before placement
#     reports/utilisation.rpt, timing.rpt, power.rpt    after routing
#     build.txt                           what was built, one "key value" a line; written last
#
# Anything that goes wrong is a Tcl error, which batch mode turns into exit code 1.

namespace eval ::offramp {
    variable here [file dirname [file normalize [info script]]]
    variable scripts [file join $here tcl]
    variable oldest {2022 2}

    # What must be told, each once, as --name value; `arguments` of build_flows/board/design.py makes them.
    variable known {
        name design board part bus_bits result_bits memory_read_bits memory_write_bits clock_mhz user_id dma_base dma_range
        accelerator_base accelerator_range intc_base intc_range length_bits burst jobs
    }

    # Ends the build. Vivado shows a Tcl error's message without "ERROR:", so that goes before it.
    proc fail {message} {
        puts "ERROR: \[offramp\] $message"
        error $message
    }

    # What is being done, for whoever waits.
    proc stage {name} {
        puts "offramp: $name"
    }

    proc read_arguments {words} {
        variable known
        set values [dict create]
        foreach {option value} $words {
            set name [string range $option 2 end]
            if {![string match --* $option] || $name ni $known} {
                fail "unknown argument $option; known are --[join $known {, --}]"
            }
            if {[dict exists $values $name]} {
                fail "argument $option is given twice"
            }
            if {$value eq ""} {
                fail "argument $option has no value"
            }
            dict set values $name $value
        }
        foreach name $known {
            if {![dict exists $values $name]} {
                fail "argument --$name is missing"
            }
        }
        return $values
    }

    proc check_version {} {
        variable oldest
        set version [version -short]
        if {![regexp {^(\d+)\.(\d+)} $version -> year release]} {
            fail "Vivado's version $version is not understood"
        }
        lassign $oldest least_year least_release
        if {$year < $least_year || ($year == $least_year && $release < $least_release)} {
            fail "Vivado must be $least_year.$least_release or newer, not $version"
        }
    }

    proc read_lines {path} {
        set file [open $path]
        set lines [split [string trim [read $file]] \n]
        close $file
        return $lines
    }

    # A project with the accelerator's sources. It lies on disk, since IP integrator writes its files beside it.
    proc create {values} {
        variable here
        set part [dict get $values part]
        if {[get_parts -quiet $part] eq ""} {
            fail "this Vivado has no part $part; add Zynq-7000 to its installation"
        }
        set_param general.maxThreads [dict get $values jobs]
        create_project -force [dict get $values name] [file join $here project] -part $part
        set_property target_language Verilog [current_project]
        # Module references need sources that Vivado puts in order itself (UG994).
        set_property source_mgmt_mode All [current_project]

        set rtl [file join $here rtl]
        set sources {}
        foreach line [read_lines [file join $rtl filelist.f]] {
            lappend sources [file join $rtl $line]
        }
        add_files -norecurse -fileset sources_1 $sources
        set memories [lsort [glob -nocomplain -directory [file join $rtl memories] *.dat]]
        if {[llength $memories] > 0} {
            add_files -norecurse -fileset sources_1 $memories
            set_property file_type {Memory Initialization Files} [get_files $memories]
        }
        set_property top accelerator [get_filesets sources_1]
        update_compile_order -fileset sources_1
        if {![can_resolve_reference accelerator]} {
            fail "rtl/ holds no module accelerator that a block design can refer to"
        }
    }

    proc build {words} {
        variable here
        variable scripts
        check_version
        set values [read_arguments $words]
        set board [file join $scripts boards [string map {- _} [dict get $values board]].tcl]
        if {![file exists $board]} {
            fail "there are no settings for board [dict get $values board] in tcl/boards/"
        }
        set results [file join $here results]
        file delete -force $results
        file mkdir [file join $results reports]

        source [file join $scripts block_design.tcl]
        source [file join $scripts implement.tcl]
        source $board

        stage "project"
        create $values
        stage "block design"
        block_design $values
        implement $values $results
        stage "done"
    }
}

::offramp::build $argv
