#' rlmm: linear mixed models with exact derivatives
#'
#' [rlmm()] fits linear mixed-effects models, with the formulas that users of lme4 know. Its help
#' page says how to specify, check and report a model. `vignette("rlmm")` is the place to start.
#'
#' @section Functions by task:
#' **Fit**: [rlmm()], [rlmm_control()]; a fit in steps, [rlmm_frame()]; [refit()], [refitML()],
#' [update()][update.rlmm()]; standard deviations held fixed, [fit_constrained()].
#'
#' **Was it fitted well?** [optinfo()], [fit_log()], [isSingular()], [rePCA()], [multistart()],
#' [allFit()].
#'
#' **Look**: [print()][print.rlmm()], [summary()][summary.rlmm()]; [fixef()][fixef.rlmm()] and other
#' quantities, [ranef()][ranef.rlmm()], [coef()][coef.rlmm()], [VarCorr()][VarCorr.rlmm()],
#' [vcov()][vcov.rlmm()], [getME()][getME.rlmm()], [formula()][formula.rlmm()] and model matrices,
#' [AIC()][AIC.rlmm()], [fit_statistics()], [variance_partition()], [group_sizes()],
#' [as.function()][as.function.rlmm()].
#'
#' **Check assumptions**: [plot()][plot.rlmm()], [dotplot()][dotplot.rlmm_ranef()],
#' [residuals()][residuals.rlmm()], [hatvalues()][leverage], [influence()][influence.rlmm()] with
#' its [plot()][plot.rlmm_influence()], [plot_shrinkage()]; all pictures by ggplot2,
#' [autoplot()][autoplot.rlmm()].
#'
#' **Test and compare**: [anova()][anova.rlmm()], [drop1()][drop1.rlmm()], [contest()],
#' [ls_means()], [show_tests()], [ranova()], [step()]; degrees of freedom, [rlmm-ddf].
#'
#' **Intervals**: [confint()][confint.rlmm()], [profile()][profile.rlmm()] with its
#' [tables][rlmm_profile], [intervals][confint.rlmm_profile()], [pictures][xyplot.rlmm_profile()]
#' and [scales][logProf()]; [bootMer()] with its [tables][print.rlmm_boot()] and
#' [intervals][confint.rlmm_boot()]; [intervals()][intervals.rlmm()], [vcov_theta()],
#' [variance_parameters()].
#'
#' **Predict and simulate**: [predict()][predict.rlmm()], [fitted()][fitted.rlmm()],
#' [plot_effect()], [simulate()][simulate.rlmm()], [simulate_lmm()], [power_sim()].
#'
#' **Report**: [report_text()], [report_tables()], [result_tables()], [tidy()][tidy.rlmm()].
#'
#' **Other packages**: [as_merMod()], [as_rlmm()], [masquerade()]; pages for users of
#' [lme4][rlmm-lme4] and of [other software][coming-from]; what works with [emmeans][rlmm-emmeans],
#' [car][rlmm-car], [effects][rlmm-effects], [insight][rlmm-insight] and the packages that build on
#' it, [lmtest and sandwich][rlmm-lmtest], [arm][rlmm-arm], [others][rlmm-untested];
#' [lmList()][rlmm-lmList] and [dummy()].
#'
#' **Data**: [sleepstudy], [dietox].
#'
#' **Programming**: [conditions][rlmm-conditions] and their classes, [generics][rlmm-generics],
#' results of [refits of many responses][as.data.frame.rlmm_refits()].
#'
#' @section Options:
#' * `rlmm.threads`: number of threads, see [rlmm_control()].
#' * `rlmm.max_bytes`: largest size in bytes of a model matrix, and of what Kenward and Roger's
#'   method takes; by default what memory is available.
#' * `rlmm.ddf_operations`: how much work Satterthwaite's method may be, see [rlmm-ddf].
#' * `rlmm.summary.cor.max`: up to how many fixed effects `summary()` prints correlations of, by
#'   default 12.
#' @references
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48. \doi{10.18637/jss.v067.i01}
#' @examples
#' fit <- rlmm(Weight ~ Time + (Time | Pig), dietox)
#' summary(fit)
#' confint(fit)
#' @useDynLib rlmm, .registration = TRUE
#' @docType package
#' @name rlmm-package
NULL
